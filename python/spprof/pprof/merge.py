"""Merges several profiles. Values of equal stacks and labels are added. Blocks that several processes hold count once.

    file 1, file 2, … ─► same sample types ─► locations and mappings unified by their content
                            │
      sample without serials├─► (stack, labels): values added
      sample with serials   ├─► each block by (process that allocated it, serial): counted once for all processes
      values at the peak    └─► (stack, process that allocated): the maximum over processes

A block that was allocated before a fork is in the parent and in the children, as the same sample. A block that is in
any of the files is counted once: the result is the union of all live blocks. The total allocated at a stack only grows,
and a child keeps the total that its parent had at the fork. The largest of several files' totals for one process is
therefore the latest. Several files of one process are added, like files of several runs. Peaks are added, although the
processes peaked at different times. Memory that a child inherited is in the child's peak and in its parent's. It counts
once, with the larger of the two values.

If heap profiles differ in their sample types, for example because older ones have no peaks, only the types that all of
them have are added.

If the files' periods differ, a sample that was drawn at its file's period gets that period as its ``rate``, so that
intervals can still be computed.
"""

from __future__ import annotations

from operator import add

from spprof.pprof import pools, resident
from spprof.pprof.processes import free_name, marks_of, name_in, own_mark, pid_label, process_comments, program_comments
from spprof.pprof.profile import (
    ALLOC_TYPES,
    BEFORE_FORK,
    BLOCK_SIZE,
    BORN,
    DRAWN_AT,
    LONGEST_RATE,
    PEAK_TYPES,
    PID,
    PROFILER_BYTES,
    Label,
    Location,
    Mapping,
    Moments,
    Profile,
    ProfileError,
    Sample,
)
from spprof.pprof.shortages import is_shortage, shortages_of, summed
from spprof.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Stack = tuple[int, ...]
    Labels = tuple[Label, ...]


def merged(profiles: Sequence[Profile], names: Sequence[str] = ()) -> Profile:
    """Return the sum of one or more profiles. Time and period are those of the latest profile, and comments are those
    that all have in common. The effects of full tables, pools and resident memory are added up. ``names``: the names of
    the files, for error messages.

    ProfileError: their sample types differ.
    """
    profiles = _of_like_types(profiles, names)
    latest = max(profiles, key=lambda profile: profile.time_ns)
    sums = _Sums(latest)
    for number, profile in enumerate(profiles, 1):
        sums.add(profile, number)
    samples = sums.samples()
    return Profile(
        sample_types=latest.sample_types,
        locations=list(sums.locations),
        samples=samples,
        mappings=list(sums.mappings),
        default_type=latest.default_type,
        period_type=latest.period_type,
        period=latest.period,
        time_ns=latest.time_ns,
        duration_ns=sum(profile.duration_ns for profile in profiles),
        comments=_comments(latest, profiles, sums.marks),
    )


def _of_like_types(profiles: Sequence[Profile], names: Sequence[str]) -> Sequence[Profile]:
    """Return the profiles, reduced to the sample types that all of them have."""
    latest = max(profiles, key=lambda profile: profile.time_ns)
    shared = [one for one in latest.sample_types if all(one in profile.sample_types for profile in profiles)]
    for number, profile in enumerate(profiles, 1):
        is_like = latest.is_heap and profile.is_heap and shared
        if profile.sample_types != latest.sample_types and not is_like:
            name = names[number - 1] if names else f"file {number} of {len(profiles)}"
            other = names[profiles.index(latest)] if names else "the latest"
            raise ProfileError(
                f"{name}: its sample types ({profile.type_names}) differ from those of {other} ({latest.type_names}); "
                f"only profiles with the same sample types add up"
            )
    return [profile.with_types(shared, profile.default_type) for profile in profiles]


def _comments(latest: Profile, profiles: Sequence[Profile], marks: dict[str, int]) -> tuple[str, ...]:
    kept = [text for text in latest.comments if all(text in profile.comments for profile in profiles)]
    added: list[tuple[str, str]] = []
    if latest.is_heap:
        held = sum(profile.profiler_bytes for profile in profiles)
        added += [(PROFILER_BYTES, str(held))] if held else []
        longest = max(profile.longest_rate for profile in profiles)
        added += [(LONGEST_RATE, str(longest))] if longest > max(latest.period, 1) else []
        added += [*process_comments(marks.items()), *summed(map(shortages_of, profiles)).comments().items()]
        added += pools.comments(pools.summed(map(pools.pools_of, profiles))).items()
        added += resident.comments(resident.summed(map(resident.residency_of, profiles))).items()
    added += program_comments(profiles)
    told = [f"{key}: {text}" for key, text in added]
    worked_out = tuple(f"{key}: " for key in (PROFILER_BYTES, LONGEST_RATE))
    return (
        *(
            text
            for text in kept
            if not (latest.is_heap and (_is_summed(text) or text.startswith(worked_out))) and text not in told
        ),
        *told,
    )


def _is_summed(comment: str) -> bool:
    return is_shortage(comment) or pools.is_pool(comment) or resident.is_residency(comment)


class _Place(NamedTuple):
    """The key of rows that are merged into one."""

    stack: Stack
    labels: Labels


class _Held(NamedTuple):
    """Live memory at a peak, for one set of labels."""

    values: tuple[int, ...]
    """Objects and bytes."""
    moments: Moments | None


class _Peak:
    """Live memory of one stack, at the peaks of several processes."""

    __slots__ = ("_by_holder",)

    def __init__(self) -> None:
        self._by_holder: dict[int, dict[Labels, _Held]] = {}

    def meet(self, holder: int, labels: Labels, held: _Held) -> None:
        """Add the values from a file of the process ``holder``."""
        rows = self._by_holder.setdefault(holder, {})
        known = rows.get(labels)
        if known is not None:
            moments = known.moments and held.moments and Moments(*map(add, known.moments, held.moments))
            held = _Held(tuple(map(add, known.values, held.values)), moments)
        rows[labels] = held

    @property
    def largest(self) -> dict[Labels, _Held]:
        """The rows of the process with the largest values."""
        several = list(self._by_holder.values())
        return several[0] if len(several) == 1 else max(several, key=_by_bytes)


def _by_bytes(rows: dict[Labels, _Held]) -> tuple[int, list[str]]:
    """Return the sort key: bytes, then the other values, so that the choice among equals does not depend on the order
    of the files.
    """
    return sum(held.values[-1] for held in rows.values()), sorted(map(str, rows.items()))


class _Block:
    """A sampled block that may be in several files."""

    __slots__ = ("is_inherited", "place", "rate", "times", "values")

    def __init__(self) -> None:
        self.times: dict[int, int] = {}
        """The number of times that the files of each process contain it."""
        self.is_inherited = False
        self.place: _Place | None = None
        self.rate = 0
        self.values: tuple[float, ...] = ()
        """The values that it represents."""

    def meet(self, holder: int, place: _Place, rate: int, values: tuple[float, ...]) -> None:
        """Add the block as it is in a file of the process ``holder``. If rates differ, the lowest applies. A process
        that had to thin out its samples dropped some that this one stands for there, but the union has those samples
        from other files.
        """
        self.times[holder] = self.times.get(holder, 0) + 1
        if self.place is None or rate < self.rate:
            self.place, self.rate, self.values = place, rate, values


class _Sums:
    """The sums of the profiles so far. Dictionaries number locations and mappings in the order of their first
    occurrence.
    """

    def __init__(self, latest: Profile) -> None:
        self._period = latest.period
        self._allocated = [index for index, one in enumerate(latest.sample_types) if one in ALLOC_TYPES]
        self._at_peak = [index for index, one in enumerate(latest.sample_types) if one in PEAK_TYPES]
        self._types = len(latest.sample_types)
        self._values: dict[_Place, list[int]] = {}
        self._peaks: dict[tuple[Stack, str | None], _Peak] = {}
        """Keyed by the process that allocated, if its mark is known."""
        self._blocks: dict[tuple[int, int], _Block] = {}
        """Keyed by the mark of the process that allocated the block, and the block's serial number."""
        self._ever: dict[tuple[Stack, str], dict[int, list[int]]] = {}
        """Everything that a process has allocated at a stack so far, according to the files of each process."""
        self._names: dict[str, int] = {}
        """The marks of all processes that the files name."""
        self.marks: dict[str, int] = {}
        """The marks of the processes in the labels of samples."""
        self.locations: dict[Location, int] = {}
        self.mappings: dict[Mapping, int] = {}

    def add(self, profile: Profile, number: int) -> None:
        """Add the profile; ``number`` distinguishes it from others if its process is unknown."""
        mappings = [self.mappings.setdefault(mapping, len(self.mappings)) for mapping in profile.mappings] + [-1]
        renumbered = []
        for location in profile.locations:
            moved = location._replace(mapping=mappings[location.mapping])
            renumbered.append(self.locations.setdefault(moved, len(self.locations)))
        holder = own_mark(profile)
        names = {name: self._name(name, mark) for name, mark in marks_of(profile).items()}
        for sample in profile.samples:
            stack = tuple(map(renumbered.__getitem__, sample.stack))
            labels, name = _renamed(self._labels(sample.labels, profile), names)
            if name is not None:
                self.marks[name] = self._names[name]
            self._add_sample(sample, _Place(stack, labels), name, -number if holder is None else holder)

    def samples(self) -> list[Sample]:
        """Return the samples, those without serials first."""
        rows = [Sample(place.stack, tuple(values), place.labels) for place, values in self._values.items()]
        shared = self._shared_rows()
        return rows + shared + self._freed_rows(rows + shared) + self._peak_rows()

    def _add_sample(self, sample: Sample, place: _Place, name: str | None, holder: int) -> None:
        """Add one sample. ``name``: the process that allocated it, if its mark is known."""
        at_peak = tuple(sample.values[index] for index in self._at_peak)
        if any(at_peak):
            self._meet_peak(place, name, holder, _Held(at_peak, sample.moments))
            rest = tuple(0 if index in self._at_peak else value for index, value in enumerate(sample.values))
            sample = sample._replace(values=rest, moments=None)
            if not any(rest):
                return
        if name is not None:
            ever = self._ever.setdefault((place.stack, name), {}).setdefault(holder, [0] * len(sample.values))
            ever[:] = map(add, ever, sample.values)
            if sample.serials:
                self._meet_blocks(sample, place, self.marks[name], holder)
                return
            if not any(sample.values[index] for index in range(len(sample.values)) if index not in self._allocated):
                return  # freed allocations are computed again later
        known = self._values.setdefault(place, [0] * len(sample.values))
        known[:] = map(add, known, sample.values)

    def _meet_peak(self, place: _Place, name: str | None, holder: int, held: _Held) -> None:
        peak = self._peaks.setdefault((place.stack, name), _Peak())
        kept = tuple(label for label in place.labels if label.key != BORN)
        peak.meet(0 if name is None else holder, kept, held)

    def _meet_blocks(self, sample: Sample, place: _Place, mark: int, holder: int) -> None:
        values = tuple(value / len(sample.serials) for value in sample.values)
        kept = tuple(label for label in place.labels if label.key != BORN)
        rate = next((label.number for label in kept if label.key == DRAWN_AT), self._period)
        for serial in sample.serials:
            block = self._blocks.setdefault((mark, serial), _Block())
            block.is_inherited |= len(kept) < len(place.labels)
            block.meet(holder, _Place(place.stack, kept), rate, values)

    def _shared_rows(self) -> list[Sample]:
        sums: dict[_Place, tuple[list[float], list[int]]] = {}
        for (_, serial), block in self._blocks.items():
            assert block.place is not None, "a block is first seen when it is created"
            stack, labels = block.place
            place = _Place(stack, (*labels, Label(BORN, BEFORE_FORK)) if block.is_inherited else labels)
            values, serials = sums.setdefault(place, ([0.0] * len(block.values), []))
            times = max(block.times.values())
            values[:] = [value + times * one for value, one in zip(values, block.values)]
            serials += [serial] * times
        return [
            Sample(place.stack, tuple(map(round, values)), place.labels, tuple(sorted(serials)))
            for place, (values, serials) in sums.items()
        ]

    def _peak_rows(self) -> list[Sample]:
        rows = []
        for (stack, _), peak in self._peaks.items():
            for labels, held in peak.largest.items():
                values = [0] * self._types
                for index, value in zip(self._at_peak, held.values):
                    values[index] = value
                rows.append(Sample(stack, tuple(values), labels, (), held.moments))
        return rows

    def _freed_rows(self, live: list[Sample]) -> list[Sample]:
        """Return what labelled processes have allocated beyond their live memory. At each stack, the largest total in
        any process's files counts.
        """
        left: dict[tuple[Stack, str], list[int]] = {}
        for key, tellers in self._ever.items():
            left[key] = [max(values) for values in zip(*tellers.values())]
        for row in live:
            name = name_in(row.labels)
            ever = left.get((row.stack, name)) if name is not None else None
            if ever is not None:
                ever[:] = [value - now for value, now in zip(ever, row.values)]
        rows = []
        for (stack, name), ever in left.items():
            values = tuple(max(value, 0) if index in self._allocated else 0 for index, value in enumerate(ever))
            if any(values):
                rows.append(Sample(stack, values, (pid_label(name),)))
        return rows

    def _name(self, name: str, mark: int) -> str:
        """Return a name for the process that no other process has in this sum."""
        known = next((one for one, its in self._names.items() if its == mark), None)
        return known or free_name(name, mark, self._names)

    def _labels(self, labels: Labels, profile: Profile) -> Labels:
        """Return the labels, with an explicit rate if it was given only by the period."""
        keys = {label.key for label in labels}
        if profile.period == self._period or not profile.is_heap or BLOCK_SIZE not in keys or DRAWN_AT in keys:
            return labels
        return (*labels, Label(DRAWN_AT, None, profile.period, "bytes"))


def _renamed(labels: Labels, names: dict[str, str]) -> tuple[Labels, str | None]:
    """Return the labels with the process's name in the sum, and that name. The name is None if there is no process with
    a known mark.
    """
    name = name_in(labels)
    found = names.get(name) if name is not None else None
    if found is not None and found != name:
        labels = tuple(pid_label(found) if label.key == PID else label for label in labels)
    return labels, found
