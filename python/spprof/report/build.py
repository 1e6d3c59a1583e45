"""Builds a report of one profile, or of the changes between two.

samples ─► (path, thread): sums ─► sorted by path ─► each path shares the nodes of the previous one as far as they agree

For a series, samples are also totalled by the first snapshot that saw them.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import chain

from spprof import _engine
from spprof.analysis import estimate
from spprof.analysis.ages import BANDS, HELD, age_of, age_text, beginning
from spprof.analysis.explanation import NOTABLE
from spprof.analysis.folding import with_folding_of
from spprof.analysis.paths import paths_of
from spprof.analysis.sample_weights import adder, has_interval
from spprof.analysis.sites import Sums, note_choice
from spprof.pprof.profile import (
    ALLOC_SPACE,
    INUSE_SPACE,
    MAPPED_TYPES,
    PEAK_SPACE,
    Column,
    ProfileError,
    ValueType,
    column_of,
)
from spprof.pprof.resident import residency_of
from spprof.pprof.series_stamp import ALLOCATED_BY
from spprof.pprof.shortages import shortages_of, unseen_rate
from spprof.report.facts import facts_of, facts_of_both, series_facts, title_of
from spprof.report.history import history_of, in_order
from spprof.report.model import MemoryPart, Report, Side, Spread
from spprof.report.places import Places
from spprof.report.sources import excerpts_of
from spprof.report.threads import Threads
from spprof.results import PART_TEXTS, UNEXPLAINED, ResidentPart
from spprof.text import human_bytes, share_text, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spprof.pprof.profile import Profile, Sample
    from spprof.report.history import Moment

    Path = tuple[int, ...]
    Key = tuple[Path, int, int]


def report_of(
    profile: Profile, sample_type: str | None = None, with_source: bool = True, moments: Iterable[Moment] = ()
) -> Report:
    """Return the report of one profile. ``sample_type``: the one to show first, if the profile has it.

    ``moments``: the snapshots of a series, of which ``profile`` is the last. Its samples then have "allocated_by"
    labels.
    """
    moments = in_order(moments)
    builder = _Builder([profile], _told([profile], profile.sample_types, sample_type), moments)
    facts = [*series_facts(moments), *facts_of(profile)]
    first = _first(profile, sample_type or (INUSE_SPACE.type if moments else None))
    report = builder.report(title_of([profile]), facts, first, with_source)
    builder.tell_ages(report)
    builder.tell_history(report)
    report.memory = _memory_of(profile)
    return report


def _memory_of(profile: Profile) -> list[MemoryPart]:
    found = residency_of(profile)
    if found is None:
        return []
    memory = found.memory
    parts = [part for part in memory.parts if part.bytes]
    parts.append(ResidentPart(UNEXPLAINED, memory.unexplained_bytes, None))
    return [
        MemoryPart(
            visible(name),
            PART_TEXTS.get(name, ""),
            size,
            human_bytes(size),
            share_text(size, memory.rss_bytes),
            remedy or "",
        )
        for name, size, remedy in parts
    ]


def difference_of(
    old: Profile, new: Profile, names: Sequence[str], sample_type: str | None = None, with_source: bool = True
) -> Report:
    """Return the report of what changed. ``names``: what to call the old and the new profile.

    ProfileError: they have no sample type in common.
    """
    types = tuple(value_type for value_type in new.sample_types if value_type in old.sample_types)
    if not types:
        raise ProfileError("the two files have no sample type in common")
    builder = _Builder([with_folding_of(old, new), new], _told([old, new], types, sample_type))
    for side, name in zip(builder.sides, names):
        side.name = visible(name)
    facts = [("files", " → ".join(side.name for side in builder.sides)), *facts_of_both(old, new)]
    return builder.report(title_of([old, new]), facts, _first(new, sample_type), with_source)


def _told(profiles: Sequence[Profile], types: Sequence[ValueType], asked_for: str | None) -> Sequence[ValueType]:
    """Return the sample types. If the profile has no mappings, as is usual, leave out their types unless requested."""
    for profile in profiles:
        valued = (profile.sample_types[index] for index in profile.valued_types)
        if any(value_type in MAPPED_TYPES for value_type in valued):
            return types
    if asked_for in {value_type.type for value_type in MAPPED_TYPES}:
        return types
    return [value_type for value_type in types if value_type not in MAPPED_TYPES]


def _first(profile: Profile, sample_type: str | None) -> ValueType:
    """Return the column that the page shows first: the peak if nothing is live any more, or if a run ended with much
    less than its peak.
    """
    types = profile.sample_types
    for value_type in types:
        if value_type.type == sample_type:
            return value_type
    if types[profile.default_index] == INUSE_SPACE and PEAK_SPACE in types:
        valued = profile.valued_types
        if types.index(PEAK_SPACE) in valued and (profile.default_index not in valued or _ended_below_peak(profile)):
            return PEAK_SPACE
    return types[profile.default_index]


def _ended_below_peak(profile: Profile) -> bool:
    """Return whether the profile was written at the end of a run whose peak was notably higher."""
    if profile.note("script") is None:
        return False
    live, peak = (profile.sample_types.index(value_type) for value_type in (INUSE_SPACE, PEAK_SPACE))
    values = [sum(sample.values[at] for sample in profile.samples) for at in (live, peak)]
    return values[1] >= NOTABLE * values[0]


class _Cell:
    """The sums over the samples of one path, one thread and one snapshot, for one side."""

    __slots__ = ("ages", "sums", "values")

    def __init__(self, columns: int, spreads: int) -> None:
        self.values = [0] * columns
        self.ages = 0
        """Sum of each live value times the number of its age band."""
        self.sums = [Sums() for _ in range(spreads)]
        """For each column that has intervals."""

    def add(self, values: tuple[int, ...], order: list[int]) -> None:
        """Add a sample's values, in the order of the columns."""
        for at, index in enumerate(order):
            self.values[at] += values[index]

    def append_to(self, side: Side) -> None:
        """Append the sums to those of the earlier entries."""
        side.ages.append(self.ages)
        for column, value in zip(side.values, self.values):
            column.append(value)
        for spread, sums in zip(side.spreads, self.sums):
            spread.samples.append(sums.samples if sums.has_spread else -1)
            spread.seen.append(sums.seen)
            spread.variance.append(sums.variance)
            spread.lean.append(sums.skewness / sums.variance if sums.variance else 0.0)
            spread.renewed.append(sums.renewed)
            spread.choice = spread.choice or sums.chosen_among


class _Builder:
    """Merges one or two profiles into one tree."""

    def __init__(self, profiles: Sequence[Profile], types: Sequence[ValueType], moments: Sequence[Moment] = ()) -> None:
        self._profiles = profiles
        self._types = types
        self._moments = moments
        self._moments_ms = [moment.monotonic_ms for moment in moments]
        has_python = any(
            frame.is_python for profile in profiles for location in profile.locations for frame in location.frames
        )
        self._paths = paths_of(*profiles)
        self._places = Places(has_python, self._paths)
        self._threads = Threads()
        self._spread_columns = _spread_columns(profiles, types)
        self._oldest = -1
        """Number of the oldest age band of live memory."""
        self.sides = [self._side(profile) for profile in profiles]

    def _side(self, profile: Profile) -> Side:
        values: list[list[int]] = [[] for _ in self._types]
        spreads = [Spread() for _ in self._spread_columns]
        return Side("", _unseen(profile), shortages_of(profile).lost_bytes, values, spreads)

    def report(self, title: str, facts: list[tuple[str, str]], first: ValueType, with_source: bool) -> Report:
        cells = [self._cells(profile) for profile in self._profiles]
        for of_side in cells:
            self._note_choice(of_side)
        report = Report(
            title=title,
            facts=facts,
            columns=[Column(*map(visible, column_of(value_type))) for value_type in self._types],
            first_column=self._types.index(first) if first in self._types else 0,
            spread_columns=self._spread_columns,
            threads=self._threads.names,
            places=self._places.rows,
            sides=self.sides,
        )
        self._add_entries(report, cells)
        if with_source:
            report.excerpts = excerpts_of(report, self._places.files, self._profiles)
        return report

    def _cells(self, profile: Profile) -> dict[Key, _Cell]:
        order = [profile.sample_types.index(value_type) for value_type in self._types]
        adders = [adder(profile, order[column]) for column in self._spread_columns]
        live_at = profile.sample_types.index(INUSE_SPACE) if INUSE_SPACE in self._types else -1
        parts = [self._places.path(frames) for frames in profile.frames_by_location]
        paths: dict[Path, Path] = {}
        cells: dict[Key, _Cell] = {}
        for sample in profile.samples:
            if not any(sample.values):
                continue
            path = paths.get(sample.stack)
            if path is None:
                path = paths[sample.stack] = tuple(chain.from_iterable(map(parts.__getitem__, reversed(sample.stack))))
            key = path, self._threads.number(sample.labels), self._seen_from(sample)
            cell = cells.get(key)
            if cell is None:
                cell = cells[key] = _Cell(len(order), len(adders))
            cell.add(sample.values, order)
            if live_at >= 0 and sample.values[live_at]:
                self._add_age(cell, sample, sample.values[live_at])
            for add, sums in zip(adders, cell.sums):
                add(sample, sums)
        return cells

    def _seen_from(self, sample: Sample) -> int:
        """Return the number, from 1, of the first snapshot that could see the sample's blocks; 0: unknown."""
        times = self._moments_ms
        if not times:
            return 0
        by = next((label.number for label in sample.labels if label.key == ALLOCATED_BY and label.text is None), None)
        return 0 if by is None else min(bisect_left(times, by) + 1, len(times))

    def tell_history(self, report: Report) -> None:
        """If the report is of a series, add what was live over time."""
        if self._moments:
            report.history = history_of(self._moments, self._paths)
            report.dated_columns = [at for at, value_type in enumerate(self._types) if value_type in HELD]

    def _add_age(self, cell: _Cell, sample: Sample, value: int) -> None:
        age = age_of(sample)
        if age is not None and value > 0:
            band = BANDS.index(beginning(age))
            self._oldest = max(self._oldest, band)
            cell.ages += band * value

    def tell_ages(self, report: Report) -> None:
        """Add the ages of live memory, if known."""
        if self._oldest >= 0:
            report.age_column = self._types.index(INUSE_SPACE)
            report.age_bands = [age_text(band) for band in BANDS[: self._oldest + 1]]

    def _note_choice(self, cells: dict[Key, _Cell]) -> None:
        """Note how the peak was chosen. As in ``Tally``, everything attributed to one place counts as one site."""
        if PEAK_SPACE not in self._types or ALLOC_SPACE not in self._types:
            return
        column, allocated_at = self._types.index(PEAK_SPACE), self._types.index(ALLOC_SPACE)
        if column not in self._spread_columns:
            return
        at = self._spread_columns.index(column)
        parts: dict[int, list[Sums]] = {}
        allocated: dict[int, int] = {}
        for (path, *_), cell in cells.items():
            site = self._places.site_of(path)
            parts.setdefault(site, []).append(cell.sums[at])
            allocated[site] = allocated.get(site, 0) + cell.values[allocated_at]
        note_choice([(sums, allocated[site] * _engine.BYTES_ONE) for site, sums in parts.items()])

    def _add_entries(self, report: Report, cells: list[dict[Key, _Cell]]) -> None:
        nothing = _Cell(len(self._types), len(self._spread_columns))
        nodes = _Nodes(report)
        for key in sorted({key for side in cells for key in side}):
            report.entry_nodes.append(nodes.of(key[0]))
            report.entry_threads.append(key[1])
            report.entry_points.append(key[2])
            report.entry_sites.append(self._places.site_of(key[0]))
            report.entry_yours.append(self._places.yours_of(key[0]))
            for side, of in zip(self.sides, cells):
                of.get(key, nothing).append_to(side)


class _Nodes:
    """Appends nodes for paths that arrive in sorted order."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._path: Path = ()
        self._open = [0]

    def of(self, path: Path) -> int:
        """Return the node of a path."""
        report, before = self._report, self._path
        common = _agree(before, path)
        for depth in range(common, len(path)):
            report.ups.append(len(before) - common if depth == common else 0)
            report.node_places.append(path[depth])
        last = len(report.ups)
        self._open[common + 1 :] = range(last - len(path) + common + 1, last + 1)
        self._path = path
        return self._open[-1]


def _spread_columns(profiles: Sequence[Profile], types: Sequence[ValueType]) -> list[int]:
    """Return the columns with intervals: bytes in use and at the peak. For times, random differences between two runs
    can be estimated, but not the error of a single run.
    """
    found = [
        at for at, value_type in enumerate(types) if all(has_interval(profile, value_type) for profile in profiles)
    ]
    times = {profile.sample_types[profile.time_index] for profile in profiles if profile.time_index >= 0}
    if len(profiles) > 1 and len(times) == 1 and all(profile.has_counts for profile in profiles):
        found += [at for at, value_type in enumerate(types) if value_type in times]
    return found


def _agree(one: Path, other: Path) -> int:
    """Return the number of places that two paths have in common, counted from the root."""
    for at, (left, right) in enumerate(zip(one, other)):
        if left != right:
            return at
    return min(len(one), len(other))


def _unseen(profile: Profile) -> int:
    if not profile.is_heap or unseen_rate(profile) <= 1:
        return 0
    return round(estimate.unseen_bytes(unseen_rate(profile)))
