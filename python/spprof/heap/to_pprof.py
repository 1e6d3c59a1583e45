"""Converts a snapshot to the heap profile that is written to pprof files.

    live samples ─► grouped by stack, block size, rate, thread, ─► 1 sample per group: labels bytes, thread, rate, age
                    band of age
    site totals  ─► what else was ever allocated at the stack  ─┬► a sample without block size, in use 0
    mappings     ─► 1 sample per mapping: labels mapping, bytes, thread, path; resident values: their part in memory
    peak         ─► what was live at the stack at the peak     ─┘  and its moments; if the stack holds the same now,
                                                                   its live samples have it
    forked       ─► also grouped by who allocated              ─► labels pid, born; serials of blocks that are shared

Rounding: values are integers, and a running remainder is carried from one value to the next. Their sums are therefore
exactly the snapshot's estimates, and each value, like each stack's sum, differs by less than 1 from its estimate.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from itertools import accumulate, chain, filterfalse
from operator import add, itemgetter, sub

from spprof import _engine, environment
from spprof.analysis import ages
from spprof.analysis.sample_weights import EVERY_ALLOCATION, absent_of, weight
from spprof.analysis.sites import rounded
from spprof.heap.mapped import drawn_at
from spprof.heap.samples import RATE, SERIAL, SIZE, STACK_ID, THREAD, TIME
from spprof.pprof import pools, resident
from spprof.pprof.locations import Locations, by_callers
from spprof.pprof.mappings import Mappings
from spprof.pprof.processes import pid_label
from spprof.pprof.profile import (
    AGE,
    BEFORE_FORK,
    BLOCK_SIZE,
    BORN,
    DRAWN_AT,
    HEAP_TYPES,
    INUSE_SPACE,
    LONGEST_RATE,
    MAPPED_PATH,
    MAPPED_TYPES,
    MAPPING,
    PEAK_TYPES,
    PROFILER_BYTES,
    RESIDENT,
    RESIDENT_SPACE,
    Label,
    Moments,
    Profile,
    Sample,
    ValueType,
)
from spprof.pprof.series_stamp import ALLOCATED_BY, STACK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from spprof.analysis.sample_weights import Weight
    from spprof.heap.estimates import HeapEstimates
    from spprof.heap.samples import HeapSamples, PeakSums, SiteTotals
    from spprof.pprof.mappings import ModuleRecord
    from spprof.results import Mapping, ResidentMemory

_GROUP = itemgetter(STACK_ID, THREAD, SIZE, RATE, TIME)
_NO_BIRTH = -1
_ONES = _engine.BYTES_ONE, _engine.OBJECTS_ONE
_PERIOD_TYPE = ValueType("space", "bytes")
_NO_PEAK = 0, 0
_MS = 10**6


def _counts(groups: Iterable[tuple[int, ...]]) -> dict[tuple[int, ...], int]:
    counts: dict[tuple[int, ...], int] = {}
    for group in groups:
        counts[group] = counts.get(group, 0) + 1
    return counts


def profile_of(
    samples: HeapSamples,
    notes: dict[str, str] | None = None,
    modules: Sequence[ModuleRecord] | None = None,
    memory: ResidentMemory | None = None,
    moments: Sequence[int] = (),
) -> Profile:
    """Return the profile of ``samples``. ``notes`` become comments, ``key: text``, after those that every profile has.

    ``modules``: the objects that contain native frames; None: the objects that the engine knows. ``memory``: the
    process's resident memory, if known. ``moments``: for a snapshot in a series, the times of all its snapshots so far,
    in ms of the monotonic clock, with this one's time last; the samples are then labelled like those of a series.
    """
    mappings = Mappings(_engine.modules() if modules is None else modules)
    locations = Locations(mappings)
    totals = samples.site_totals()
    number = locations.own_number if moments else locations.stack_number
    number_of = {site[0]: number(samples.frames(site[0])) for site in totals}
    dates = _SeenBy(samples, moments) if moments else _Ages(samples)
    rows = _Samples(samples, totals, number_of, locations, dates)
    told = [
        ("total_samples", str(samples.total_samples)),
        ("peak_heap_bytes", str(samples.peak_heap_bytes)),
        *([(PROFILER_BYTES, str(samples.profiler_bytes))] if samples.profiler_bytes else []),
        *_longest_rate_note(samples),
        *samples.lineage.comments(),
        *samples.shortages.comments().items(),
        *pools.comments(samples.pools).items(),
        *resident.comments(resident.Residency(memory) if memory else None).items(),
    ]
    return Profile(
        sample_types=rows.types,
        locations=locations.rows,
        samples=rows.rows(),
        mappings=mappings.rows,
        default_type=INUSE_SPACE.type,
        period_type=_PERIOD_TYPE,
        period=samples.sampling_rate_bytes or EVERY_ALLOCATION,
        time_ns=samples.timestamp_ns,
        comments=_comments(told, notes),
    )


def _longest_rate_note(estimates: HeapEstimates) -> list[tuple[str, str]]:
    """Return the comment about the longest sampling interval; empty if no interval was longer than the latest."""
    longest = estimates.longest_rate_bytes
    return [(LONGEST_RATE, str(longest))] if longest > max(estimates.sampling_rate_bytes, EVERY_ALLOCATION) else []


def _comments(told: Iterable[tuple[str, str]], notes: dict[str, str] | None = None) -> tuple[str, ...]:
    """Return ``told`` and ``notes`` as ``key: text``, with the comments that every profile has."""
    every_note = [
        ("spprof", _engine.VERSION),
        ("python", sys.version.split()[0]),
        *told,
        *environment.notes().items(),
        *(notes or {}).items(),
    ]
    return tuple(f"{key}: {text}" for key, text in every_note)


def _rounded_columns(several: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return objects and bytes as integers, from pairs of fixed-point bytes and objects."""
    columns = [list(column) for column in zip(*several)] or [[], []]
    space, objects = (_whole(fixed, one) for fixed, one in zip(columns, _ONES))
    return list(zip(objects, space))


def _whole(fixed: Sequence[int], one: int) -> list[int]:
    """Return fixed-point numbers as integers with the same sum: each is the growth of the rounded running total."""
    totals = [rounded(total, one) for total in accumulate(fixed, initial=0)]
    return list(map(sub, totals[1:], totals))


def _added(one: PeakSums, other: PeakSums) -> PeakSums:
    samples, seen, space, objects, variance, skewness = map(add, one, other)
    return int(samples), int(seen), int(space), int(objects), variance, skewness


def _freed(allocated: Sequence[int], one: int, live: Sequence[int]) -> list[int]:
    """Return the remainder of each fixed-point ``allocated`` after the integer ``live`` is subtracted, never less than
    0.

    Both are rounded, so the remainder may be -1 if nothing was freed. The -1 is then taken from the stacks that were
    rounded up the most.
    """
    whole = _whole(allocated, one)
    freed = list(map(sub, whole, live))
    owed = -sum(value for value in freed if value < 0)
    if owed:
        gained = [value * one - fixed for value, fixed in zip(whole, allocated)]
        freed = [max(value, 0) for value in freed]
        givers = sorted((index for index, value in enumerate(freed) if value), key=gained.__getitem__, reverse=True)
        for index in givers[:owed]:
            freed[index] -= 1
    return freed


Group = tuple[int, int, int, int, int, bool, int, int]
"""The key of samples that become one row: number of the stack, process number, thread, size, rate, whether other
processes may hold the blocks, resident bytes of each, and the date: age band, or the snapshot that saw them first.
"""


Place = tuple[int, int]
"""Number of a stack, and number of the process in which its samples were taken."""


class _Ages:
    """Determines how old a block is."""

    key, unit = AGE, "seconds"
    tells_stacks = False

    def __init__(self, samples: HeapSamples) -> None:
        self._now = ages.limits(samples.monotonic_ns)

    def of(self, time_ns: int) -> int:
        """Return the age band of a block allocated at ``time_ns``."""
        return ages.band_of(time_ns, self._now)


class _SeenBy:
    """Determines an upper limit for a block's allocation time: the first snapshot of the series that could see the
    block.
    """

    key, unit = ALLOCATED_BY, "milliseconds"
    tells_stacks = True

    def __init__(self, samples: HeapSamples, moments: Sequence[int]) -> None:
        self._moments = moments
        self._first = ages.limits(moments[0] * _MS)

    def of(self, time_ns: int) -> int:
        """Return the time of that snapshot. For blocks older than all snapshots, return the first snapshot's time minus
        the age band.
        """
        place = bisect_left(self._moments, time_ns / _MS)
        if place == 0:
            return self._moments[0] - 1000 * ages.band_of(time_ns, self._first)
        return self._moments[min(place, len(self._moments) - 1)]


class _Samples:
    """Makes the samples of a profile. Stacks are represented by their numbers: they are long, and hashing them is the
    main cost.
    """

    def __init__(
        self,
        samples: HeapSamples,
        totals: list[SiteTotals],
        number_of: dict[int, int],
        locations: Locations,
        dates: _Ages | _SeenBy,
    ) -> None:
        self._taken = samples
        self._totals = totals
        self._number_of = number_of
        self._stacks = locations.stacks
        self._mapped = self._numbered_mappings(locations)
        self._tells_mapped = samples.mapped is not None
        self._tells_resident = samples.knows_resident
        self._partly = samples.partly_resident
        self._births = samples.births()
        self._weights: dict[tuple[int, int], Weight] = {}
        self._labels: dict[tuple[int, int, int, int, int, int], tuple[Label, ...]] = {}
        self._dates = dates
        self._stack_labels: dict[int, tuple[Label, ...]] = {}
        if dates.tells_stacks:
            self._stack_labels = {number: (Label(STACK, None, one),) for one, number in number_of.items()}
        self._owners = self._owner_labels()
        self._serials: dict[Group, list[int]] = {}
        self._groups = self._live_groups()
        self._live = self._live_columns()
        self._peaks = self._peak_by_stack()
        self._live_at_peak, self._others_at_peak = self._peak_columns()

    @property
    def types(self) -> tuple[ValueType, ...]:
        """The sample types for which there are measurements."""
        resident = (RESIDENT_SPACE,) if self._tells_resident else ()
        return (*HEAP_TYPES, *PEAK_TYPES, *(MAPPED_TYPES if self._tells_mapped else ()), *resident)

    def _beside(self, resident: int, objects: int = 0, space: int = 0) -> tuple[int, ...]:
        """Return the values that follow those of the heap, in the order of ``types``."""
        mapped = (objects, space) if self._tells_mapped else ()
        return (*mapped, resident) if self._tells_resident else mapped

    def rows(self) -> list[Sample]:
        """Return all samples, with those of one stack next to each other. They are in one flat list, because a separate
        list for each stack would keep the garbage collector busy.
        """
        live = list(self._live_rows())
        place = dict(zip(by_callers(self._stacks), range(len(self._stacks))))
        places: list[int] = []
        rows: list[Sample] = []
        for number, row in chain(live, self._other_rows(live), self._mapped_rows()):
            places.append(place[number])
            rows.append(row)
        return [rows[index] for index in sorted(range(len(rows)), key=places.__getitem__)]

    def _live_groups(self) -> dict[Group, int]:
        """Count the live samples of each group. The groups of a stack are consecutive, so that rounding moves the sum
        of a stack by less than 1, like each value.
        """
        counts: dict[Group, int] = {}
        if self._births:
            self._find_shared(counts)
        else:
            records: Iterable[tuple[int, ...]] = self._taken.records()
            if self._partly:
                self._find_partly_resident(counts)
                records = filterfalse(self._is_partly_resident, records)
            for (stack_id, thread, size, rate, band), count in _counts(self._banded(records)).items():
                group = (self._number_of[stack_id], _NO_BIRTH, thread, size, rate, False, size, band)
                counts[group] = counts.get(group, 0) + count
        return dict(sorted(counts.items()))

    def _banded(self, records: Iterable[tuple[int, ...]]) -> Iterator[tuple[int, ...]]:
        """Yield the stack's id, thread, size, rate and age band of each record."""
        date = self._dates.of
        for stack_id, thread, size, rate, time in map(_GROUP, records):
            yield stack_id, thread, size, rate, date(time)

    def _is_partly_resident(self, record: tuple[int, ...]) -> bool:
        return record[SERIAL] in self._partly

    def _find_partly_resident(self, counts: dict[Group, int]) -> None:
        """Count, separately, the blocks that are not entirely in memory."""
        for record in filter(self._is_partly_resident, self._taken.records()):
            (stack_id, thread, size, rate, time), resident = _GROUP(record), self._partly[record[SERIAL]]
            band = self._dates.of(time)
            group = (self._number_of[stack_id], _NO_BIRTH, thread, size, rate, False, resident, band)
            counts[group] = counts.get(group, 0) + 1

    def _find_shared(self, counts: dict[Group, int]) -> None:
        """If other processes may hold some blocks, count all blocks. Each block that they may hold is identified by its
        serial number.
        """
        lineage = self._taken.lineage
        last = len(lineage.processes) - 1
        for record in self._taken.records():
            birth, serial = self._births.get(record[STACK_ID], _NO_BIRTH), record[SERIAL]
            is_shared = birth < last or serial <= lineage.forked_serial
            number = self._number_of[record[STACK_ID]]
            resident = self._partly.get(serial, record[SIZE])
            band = self._dates.of(record[TIME])
            group = (number, birth, record[THREAD], record[SIZE], record[RATE], is_shared, resident, band)
            counts[group] = counts.get(group, 0) + 1
            if is_shared:
                self._serials.setdefault(group, []).append(serial)

    def _live_rows(self) -> Iterator[tuple[int, Sample]]:
        """Yield the rows of live samples, each with the number of its stack."""
        in_use, objects = (_whole(fixed, one) for fixed, one in zip(self._live, _ONES))
        resident = _whole(self._resident_column(), _engine.BYTES_ONE)
        for group, at_peak, there, *values in zip(self._groups, self._live_at_peak, resident, objects, in_use):
            number, birth, thread, size, rate, _, in_memory, band = group
            marks = self._marks(birth, thread, size, rate, in_memory, band) + self._stack_labels.get(number, ())
            serials = tuple(sorted(self._serials.get(group, ())))
            row = Sample(self._stacks[number], (*values, *values, *at_peak, *self._beside(there)), marks, serials)
            yield number, row

    def _other_rows(self, live: list[tuple[int, Sample]]) -> Iterator[tuple[int, Sample]]:
        """Yield the rows for the peak and for everything allocated beyond the live rows. Together with the live rows,
        they add up to everything allocated so far.
        """
        allocated = self._allocated_by_stack()
        columns = []
        for column, one in enumerate(_ONES):
            exact = [pair[column] for pair in allocated.values()]
            written = dict.fromkeys(allocated, 0)
            for group, (_, row) in zip(self._groups, live):
                written[group[:2]] += row.values[1 - column]  # objects come first
            columns.append(_freed(exact, one, list(written.values())))
        for place, space, objects in zip(allocated, *columns):
            number, birth = place
            at_peak = self._others_at_peak.get(place)
            if space or objects or at_peak:
                values = (objects, space, 0, 0, *(at_peak or _NO_PEAK), *self._beside(0))
                moments = None
                if at_peak:
                    samples, seen, _, _, variance, skewness = self._peaks[place]
                    moments = Moments(samples, seen, variance, skewness)
                marks = self._owners[birth][:1] + self._stack_labels.get(number, ())
                yield number, Sample(self._stacks[number], values, marks, (), moments)

    def _numbered_mappings(self, locations: Locations) -> list[tuple[int, Mapping]]:
        """Return each mapping with the number of its stack."""
        mapped = self._taken.mapped
        return [(locations.stack_number(one.stack), one) for one in mapped.mappings] if mapped else []

    def _mapped_rows(self) -> Iterator[tuple[int, Sample]]:
        """Yield a row for each mapping, which counts as one block of its size. Only some of the small mappings are
        listed; these stand for others.
        """
        owner = self._owners[max(self._owners)][:1]
        dates, wall_minus_monotonic = self._dates, self._taken.timestamp_ns - self._taken.monotonic_ns
        for number, one in self._mapped:
            rate = drawn_at(one)
            found = weight(one.size, rate)
            objects, space = round(found.objects), round(found.bytes)
            marks = [
                Label(MAPPING, one.kind),
                Label(BLOCK_SIZE, None, one.size, "bytes"),
                Label(DRAWN_AT, None, rate or EVERY_ALLOCATION, "bytes"),
                Label("thread", str(one.thread_id)) if one.thread_id else None,
                Label(MAPPED_PATH, one.path) if one.path else None,
                Label(dates.key, None, dates.of(one.timestamp_ns - wall_minus_monotonic), dates.unit)
                if one.timestamp_ns
                else None,
            ]
            resident = one.resident_bytes or 0
            if self._tells_resident and resident < one.size:
                marks.append(Label(RESIDENT, None, resident, "bytes"))
            values = (0, 0, 0, 0, *_NO_PEAK, *self._beside(round(space * resident / one.size), objects, space))
            yield number, Sample(self._stacks[number], values, (*filter(None, marks), *owner))

    def _peak_by_stack(self) -> dict[Place, PeakSums]:
        """Return what was live at the peak, by stack and process number."""
        peaks: dict[Place, PeakSums] = {}
        for stack_id, sums in self._taken.peak_totals():
            place = self._number_of[stack_id], self._births.get(stack_id, _NO_BIRTH)
            known = peaks.get(place)
            peaks[place] = sums if known is None else _added(known, sums)
        return dict(sorted(peaks.items()))

    def _peak_columns(self) -> tuple[list[tuple[int, int]], dict[Place, tuple[int, int]]]:
        """Return objects and bytes at the peak. There is an entry for each group of live samples whose stack holds the
        same now as at the peak, and for every other stack that held something at the peak.
        """
        live: dict[Place, tuple[int, int, int]] = {}
        for group, count, space, objects in zip(self._groups, self._groups.values(), *self._live):
            known = live.get(group[:2], (0, 0, 0))
            live[group[:2]] = known[0] + count, known[1] + space, known[2] + objects
        peaks = self._peaks.items()
        still = {place for place, sums in peaks if live.get(place) == (sums[0], sums[2], sums[3])}
        groups = zip(self._groups, *self._live)
        of_groups = [(space, objects) if group[:2] in still else _NO_PEAK for group, space, objects in groups]
        others = {place: (sums[2], sums[3]) for place, sums in peaks if place not in still}
        columns = _rounded_columns([*of_groups, *others.values()])
        return columns[: len(of_groups)], dict(zip(others, columns[len(of_groups) :]))

    def _allocated_by_stack(self) -> dict[Place, tuple[int, int]]:
        """Return the bytes and objects allocated so far, fixed-point, keyed by stack number and process number, and
        sorted by key.
        """
        allocated: dict[Place, tuple[int, int]] = {}
        for stack_id, _, _, space, objects in self._totals:
            place = self._number_of[stack_id], self._births.get(stack_id, _NO_BIRTH)
            known = allocated.get(place, (0, 0))
            allocated[place] = known[0] + space, known[1] + objects
        return dict(sorted(allocated.items()))

    def _live_columns(self) -> tuple[list[int], list[int]]:
        """Return the bytes and the objects that each group of live samples stands for."""
        weights = [self._weight(size, rate) for _, _, _, size, rate, _, _, _ in self._groups]
        counts = self._groups.values()
        return (
            [count * one.sums.fixed for count, one in zip(counts, weights)],
            [count * one.sums.fixed_objects for count, one in zip(counts, weights)],
        )

    def _resident_column(self) -> list[int]:
        """Return the resident bytes of each group, fixed-point."""
        column = list(self._live[0])
        if self._partly:
            for at, (group, count) in enumerate(self._groups.items()):
                size, rate, resident = group[3], group[4], group[6]
                if resident < size:
                    column[at] -= count * absent_of(self._weight(size, rate), size, resident)
        return column

    def _weight(self, size: int, rate: int) -> Weight:
        return self._weights.get((size, rate)) or self._weights.setdefault((size, rate), weight(size, rate))

    def _marks(self, birth: int, thread: int, size: int, rate: int, resident: int, band: int) -> tuple[Label, ...]:
        key = (birth, thread, size, rate, resident, band)
        known = self._labels.get(key)
        if known is None:
            known = (Label(BLOCK_SIZE, None, size, "bytes"), Label("thread", str(thread)))
            if rate != self._taken.sampling_rate_bytes:
                known += (Label(DRAWN_AT, None, rate or EVERY_ALLOCATION, "bytes"),)
            if resident < size:
                known += (Label(RESIDENT, None, resident, "bytes"),)
            known += (Label(self._dates.key, None, band, self._dates.unit),)
            known = self._labels[key] = known + self._owners[birth]
        return known

    def _owner_labels(self) -> dict[int, tuple[Label, ...]]:
        """Return, by process number, the labels that show which process allocated, and whether that was before the
        fork.
        """
        inherited = Label(BORN, BEFORE_FORK)
        labels: dict[int, tuple[Label, ...]] = {_NO_BIRTH: ()}
        for birth, name in enumerate(self._taken.lineage.names):
            labels[birth] = (pid_label(name), inherited)
        own = len(labels) - 2
        labels[own] = labels[own][:1]
        return labels
