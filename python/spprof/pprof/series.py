"""A series of snapshots of one process, as recorded in files, and the live memory at each snapshot.

    000000 ◄─ 000002 ◄─ 000003      number 0 is whole; every other file refers to another one and holds only the
       ├─ 000001                    rows of stacks that changed since
       └─ 000004 ◄─ 000005

    file ─► rows by stack ─┬─► state: the reference's rows, with those of changed stacks replaced and those of stacks
    state of its reference ┘   that are gone left out; mappings come from the file alone

The rows of an unchanged stack are the same objects in all states. Locations are numbered once for all files.
"""

from __future__ import annotations

import os

from spprof.pprof.file import read_profile
from spprof.pprof.profile import BLOCK_SIZE, DRAWN_AT, RESIDENT, Label, Profile, ProfileError, Sample
from spprof.pprof.series_stamp import ALLOCATED_BY, STACK, WHOLE, gone_of, stamp_of
from spprof.records import NamedTuple
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Optional

    from spprof.pprof.profile import Location, Mapping, ValueType

    Rows = tuple[Sample, ...]
    Labels = tuple[Label, ...]
    Stack = tuple[int, ...]


_BEHIND_RATE = (RESIDENT, ALLOCATED_BY)
"""Labels that writers put after the rate label."""


class Entry(NamedTuple):
    """A snapshot of a series, as its file describes it."""

    path: str
    number: int
    reference: int
    """The number of the snapshot that it builds on; WHOLE for none."""
    monotonic_ms: int
    time_ns: int
    """Wall clock."""


class LeftOut(NamedTuple):
    """A file that is not used."""

    name: str
    reason: str


class State(NamedTuple):
    """The memory of a process at one snapshot."""

    entry: Entry
    header: Profile
    """Types, period, comments and times. It has no rows, and nothing to which rows refer."""
    stacks: dict[int, Rows]
    """Rows, keyed by the id of their stack. Blocks have the label DRAWN_AT even if it equals the period, since the
    period changes.
    """
    mapped: Rows
    """Rows without a stack id."""


class Series:
    """The usable snapshots of a process. Files that turn out to be damaged are left out."""

    def __init__(self, stem: str, mark: str, entries: Iterable[Entry]) -> None:
        """``entries``: one for each number, in any order."""
        self.stem = stem
        self.mark = mark
        self.left_out: list[LeftOut] = []
        self._entries = {entry.number: entry for entry in sorted(entries, key=lambda entry: entry.number)}
        self.locations: dict[Location, int] = {}
        """Everything to which rows refer, in numerical order; ``mappings`` has the same order."""
        self.mappings: dict[Mapping, int] = {}
        self._labels: dict[tuple[Labels, int], Labels] = {}
        self._leave_out_orphans()

    @property
    def entries(self) -> list[Entry]:
        """The usable snapshots, by number."""
        return list(self._entries.values())

    def latest(self, up_to: Callable[[Entry], bool] | None = None) -> State | None:
        """Return the state at the last readable snapshot for which ``up_to`` is true; None if there is none."""
        while True:
            wanted = [entry for entry in self._entries.values() if up_to is None or up_to(entry)]
            if not wanted:
                return None
            state = self._state(wanted[-1])
            if state is not None:
                return state

    def states(self, progress: Callable[[float], None] | None = None) -> Iterator[State]:
        """Yield the state at each snapshot, in ascending order. Each file is read once."""
        known: dict[int, State] = {}
        last_use = {entry.reference: entry.number for entry in self.entries}
        for place, entry in enumerate(self.entries):
            if progress:
                progress(place / len(self._entries))
            if entry.number not in self._entries:
                continue  # it builds on a file that turned out to be damaged
            state = self._built(entry, known.get(entry.reference))
            if state is None:
                continue
            known[entry.number] = state
            known = {number: one for number, one in known.items() if last_use.get(number, 0) > entry.number}
            yield state

    def _state(self, entry: Entry) -> State | None:
        """Return the state at ``entry``, reading as few files as possible. None: one of the files is damaged and is now
        left out.
        """
        chain = [entry]
        while chain[-1].reference != WHOLE:
            chain.append(self._entries[chain[-1].reference])
        state: State | None = None
        for one in reversed(chain):
            state = self._built(one, state)
            if state is None:
                return None
        return state

    def _built(self, entry: Entry, reference: State | None) -> State | None:
        """Return the state at ``entry``; None: its file is damaged and is now left out."""
        try:
            profile = read_profile(entry.path)
            stamp = stamp_of(profile)
        except ProfileError as error:
            self._leave_out(entry, _reason(error, entry.path))
            return None
        if stamp is None or stamp[1:3] != entry[1:3]:
            self._leave_out(entry, "it was replaced in the meantime")
            return None
        rows, mapped = self._rows(profile)
        if reference is not None:
            before = _retyped(reference.stacks, reference.header.sample_types, profile.sample_types)
            for gone in gone_of(profile):
                before.pop(gone, None)
            before.update(rows)
            rows = before
        header = Profile(
            sample_types=profile.sample_types,
            default_type=profile.default_type,
            period_type=profile.period_type,
            period=profile.period,
            time_ns=profile.time_ns,
            duration_ns=profile.duration_ns,
            comments=profile.comments,
        )
        return State(entry, header, rows, mapped)

    def _rows(self, profile: Profile) -> tuple[dict[int, Rows], Rows]:
        """Return the rows of a file, keyed by the id of their stack, and the rows that have no stack id."""
        mappings = [self.mappings.setdefault(mapping, len(self.mappings)) for mapping in profile.mappings] + [-1]
        renumbered = []
        for location in profile.locations:
            moved = location._replace(mapping=mappings[location.mapping])
            renumbered.append(self.locations.setdefault(moved, len(self.locations)))
        stacks: dict[Stack, Stack] = {}
        labels: dict[Labels, tuple[Optional[int], Labels]] = {}
        found: dict[Optional[int], list[Sample]] = {}
        for sample in profile.samples:
            stack = stacks.get(sample.stack)
            if stack is None:
                stack = stacks[sample.stack] = tuple(map(renumbered.__getitem__, sample.stack))
            known = labels.get(sample.labels)
            if known is None:
                known = labels[sample.labels] = self._parted(sample.labels, profile.period)
            row = Sample(stack, sample.values, known[1], sample.serials, sample.moments)
            found.setdefault(known[0], []).append(row)
        mapped = tuple(found.pop(None, ()))
        return {number: tuple(rows) for number, rows in found.items() if number is not None}, mapped

    def _parted(self, labels: Labels, period: int) -> tuple[int | None, Labels]:
        """Return the stack's id, and the other labels, with an explicit rate if only the period gave it."""
        number, others = None, labels
        for place, label in enumerate(labels):
            if label.key == STACK and label.text is None:
                number, others = label.number, labels[:place] + labels[place + 1 :]
                break
        known = self._labels.get((others, period))
        if known is None:
            known = self._labels[others, period] = _with_rate(others, period)
        return number, known

    def _leave_out(self, entry: Entry, reason: str) -> None:
        del self._entries[entry.number]
        if os.path.lexists(entry.path):  # otherwise the writer, which is still recording, has removed it
            self.left_out.append(LeftOut(os.path.basename(entry.path), reason))
        self._leave_out_orphans()

    def _leave_out_orphans(self) -> None:
        """Leave out snapshots that build on missing files."""
        for entry in self.entries:
            if entry.reference != WHOLE and entry.reference not in self._entries:
                del self._entries[entry.number]
                self.left_out.append(
                    LeftOut(os.path.basename(entry.path), f"it builds on number {entry.reference}, which is missing")
                )


def _with_rate(labels: Labels, period: int) -> Labels:
    keys = [label.key for label in labels]
    if BLOCK_SIZE not in keys or DRAWN_AT in keys:
        return labels
    place = min((keys.index(key) for key in _BEHIND_RATE if key in keys), default=len(keys))
    return (*labels[:place], Label(DRAWN_AT, None, period, "bytes"), *labels[place:])


def _retyped(stacks: dict[int, Rows], old: tuple[ValueType, ...], new: tuple[ValueType, ...]) -> dict[int, Rows]:
    """Return a copy of ``stacks`` with the values of the types ``new``. A missing type has the value 0."""
    if old == new:
        return dict(stacks)
    places = [old.index(one) if one in old else len(old) for one in new]
    found = {}
    for number, rows in stacks.items():
        found[number] = tuple(row._replace(values=tuple(map((*row.values, 0).__getitem__, places))) for row in rows)
    return found


def _reason(error: ProfileError, path: str) -> str:
    """Return what is wrong with the file at ``path``, without the file's name."""
    return str(error).removeprefix(f"{visible(path)}: ")
