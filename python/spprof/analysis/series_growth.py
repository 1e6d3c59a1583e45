"""How a program's sites grew over a series of snapshots in files.

states ─► changes of each stack ──────┐
all stacks, imports folded ─► sites ──┴─► moments ─► analysis.growth ─► one SiteGrowth per site
"""

from __future__ import annotations

import os

from spprof import _engine
from spprof.analysis.growth import Moment, growth, order
from spprof.analysis.imports import with_imports_folded
from spprof.analysis.sample_weights import Drawing
from spprof.analysis.sightings import Sightings
from spprof.analysis.sites import Sums, key_of, site_frame
from spprof.pprof.profile import ALLOC_SPACE, INUSE_OBJECTS, INUSE_SPACE, Profile, Sample
from spprof.pprof.series import LeftOut
from spprof.pprof.series_folder import read_folder
from spprof.pprof.series_stamp import ALLOCATED_BY, UNWRITTEN
from spprof.records import NamedTuple
from spprof.text import visible, whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from spprof.analysis.growth import SiteSeen
    from spprof.analysis.sites import SiteKey
    from spprof.pprof.series import Entry, Rows, Series, State
    from spprof.results import SiteGrowth

_BYTES_ONE = _engine.BYTES_ONE
_MILLISECONDS = 1000
_LEAST = 2
"""Number of snapshots."""


class SeriesGrowth(NamedTuple):
    """The findings about a series."""

    stem: str
    sites: list[SiteGrowth]
    """Growing sites first. Sites with the same verdict are sorted by the lower end of the slope."""
    used: list[Entry]
    """The snapshots that were used, two or more."""
    unwritten: int
    """The number of snapshots that could not be written."""
    live_bytes: int
    """Estimated live bytes at the last snapshot."""
    stacks: Profile
    """All stacks of the series, without values."""


class _Held(NamedTuple):
    """The memory of a stack in a snapshot."""

    allocated: int
    """Bytes allocated so far, in 1/BYTES_ONE."""
    live: dict[int, Sums]
    """Keyed by time of allocation, in ms."""


class _Step(NamedTuple):
    """A snapshot, and how it differs from the previous one."""

    entry: Entry
    changed: dict[int, _Held]
    gone: list[int]


def growth_of(series: Series, progress: Callable[[float], None] | None = None) -> SeriesGrowth | None:
    """Return the growth of each site in ``series`` that has samples; None if the series has fewer than two usable
    snapshots. Unusable snapshots are added to those that the series has left out.
    """
    reading = _Reading(series)
    steps = [reading.step(state) for state in series.states(progress)]
    stacks = reading.stacks()
    found = growth(list(_moments(steps, reading.sites(stacks))), reading.longest_rate)
    entries = [steps[place].entry for place in found.used]
    for step in steps:
        if step.entry not in entries:
            _leave_out(series, step.entry, "its monotonic time is not later than that of the snapshot before it")
    if len(entries) < _LEAST:
        for entry in entries:
            _leave_out(series, entry, f"it is the only snapshot of {series.stem}, and growth needs two")
        return None
    return SeriesGrowth(
        stem=series.stem,
        sites=found.sites,
        used=entries,
        unwritten=reading.unwritten,
        live_bytes=reading.live_bytes,
        stacks=stacks,
    )


def growth_in(path: str, stem: str = "") -> tuple[list[SiteGrowth], str]:
    """Return, in one list, the growth of the sites of all series in the folder ``path``, or only of the series with
    that ``stem``. Also return text that names what was left out.

    OSError: the folder cannot be read. ValueError: it has no series with two snapshots.
    """
    folder = read_folder(path)
    found = [one for one in map(growth_of, folder.series) if one and stem in ("", one.stem)]
    sites = [site for one in found for site in one.sites]
    if not found:
        left_out = f": left out {folder.left_out_text}" if folder.left_out_text else ""
        raise ValueError(f"{visible(path)} has no series of two or more snapshots{left_out}")
    return sorted(sites, key=order), folder.left_out_text


def _leave_out(series: Series, entry: Entry, reason: str) -> None:
    series.left_out.append(LeftOut(os.path.basename(entry.path), reason))


class _Reading:
    """Steps through the states of a series."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._before: dict[int, Rows] = {}
        self._first_ms = series.entries[0].monotonic_ms if series.entries else 0
        self._stacks: dict[int, Sample] = {}
        """One row of every stack that existed in any state, keyed by the stack's id."""
        self.longest_rate = 0
        self.unwritten = 0
        self.live_bytes = 0

    def step(self, state: State) -> _Step:
        """Return how this state differs from the previous one."""
        header, now, before = state.header, state.stacks, self._before
        self.longest_rate = max(self.longest_rate, header.longest_rate)
        self.unwritten = whole_number(header.note(UNWRITTEN)) or 0
        held = _held_by(header, self._first_ms)
        changed = {number: held(rows) for number, rows in now.items() if before.get(number) is not rows}
        for number in changed:
            self._stacks.setdefault(number, now[number][0])
        gone = [number for number in before if number not in now]
        self._before = now
        if INUSE_SPACE in header.sample_types:
            at = header.sample_types.index(INUSE_SPACE)
            self.live_bytes = sum(row.values[at] for rows in now.values() for row in rows)
        return _Step(state.entry, changed, gone)

    def stacks(self) -> Profile:
        """Return all stacks that existed in any state, in the order in which their ids first appeared. Imports are
        folded.
        """
        rows = [Sample(row.stack, (0,)) for row in self._stacks.values()]
        whole = Profile(
            (INUSE_SPACE,),
            locations=list(self._series.locations),
            samples=rows,
            mappings=list(self._series.mappings),
        )
        return with_imports_folded(whole)

    def sites(self, stacks: Profile) -> dict[int, SiteKey]:
        """Return the site of each stack, keyed by the stack's id."""
        return {number: _site_of(stacks, row) for number, row in zip(self._stacks, stacks.samples)}


def _site_of(stacks: Profile, row: Sample) -> SiteKey:
    return key_of(site_frame(stacks.frames(row.stack)))


def _held_by(header: Profile, first_ms: int) -> Callable[[Rows], _Held]:
    """Return a function that takes the rows of a stack, in a state with the given header, and returns what the stack
    held.
    """
    types = header.sample_types
    allocated_at = types.index(ALLOC_SPACE) if ALLOC_SPACE in types else -1
    if not (INUSE_SPACE in types and INUSE_OBJECTS in types):
        return lambda _: _Held(0, {})
    live_at = types.index(INUSE_SPACE)
    drawing = Drawing(header, live_at, types.index(INUSE_OBJECTS))

    def held(rows: Rows) -> _Held:
        allocated = 0
        live: dict[int, Sums] = {}
        for row in rows:
            if allocated_at >= 0:
                allocated += row.values[allocated_at]
            drawn = drawing.of(row) if row.values[live_at] else None
            if drawn and drawn.blocks:
                sums = live.setdefault(_born(row, first_ms), Sums())
                sums.add(drawn.weight.sums, drawn.blocks)
        return _Held(allocated * _BYTES_ONE, live)

    return held


def _born(row: Sample, first_ms: int) -> int:
    """Return when the blocks were allocated. If this is unknown, return a time before the first snapshot."""
    labels = (label.number for label in row.labels if label.key == ALLOCATED_BY and label.text is None)
    return next(labels, first_ms)


def _moments(steps: list[_Step], site_of: dict[int, SiteKey]) -> Iterator[Moment]:
    """Yield each snapshot's moment. Only the sites that have changed are totalled again."""
    sightings = Sightings(_MILLISECONDS)
    stacks_of: dict[SiteKey, dict[int, _Held]] = {}
    sites: dict[SiteKey, SiteSeen] = {}
    for step in steps:
        for number, held in step.changed.items():
            stacks_of.setdefault(site_of[number], {})[number] = held
        for number in step.gone:
            del stacks_of[site_of[number]][number]
        for key in {site_of[number] for number in (*step.changed, *step.gone)}:
            stacks = stacks_of[key].values()
            if stacks:
                sites[key] = sightings.seen(key, _live(stacks), sum(held.allocated for held in stacks))
            else:
                sites.pop(key, None)
        yield Moment(step.entry.monotonic_ms / _MILLISECONDS, dict(sites))


def _live(stacks: Iterable[_Held]) -> dict[int, Sums]:
    found: dict[int, Sums] = {}
    for held in stacks:
        for born, sums in held.live.items():
            found.setdefault(born, Sums()).add(sums)
    return found
