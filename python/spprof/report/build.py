"""A profile as a report; two of them as a report of what changed.

samples ─► (path, thread): sums ─► sorted by path ─► each path shares the nodes of the one before as far as they agree
"""

from __future__ import annotations

from itertools import chain

from spprof.analysis import estimate
from spprof.analysis.folding import with_folding_of
from spprof.analysis.sample_weights import Drawing
from spprof.analysis.sites import Sums
from spprof.pprof.profile import INUSE_SPACE, SAMPLES, Column, ProfileError, ValueType, column_of
from spprof.pprof.shortages import shortages_of
from spprof.report.facts import facts_of, facts_of_both, title_of
from spprof.report.model import Report, Side
from spprof.report.places import Places
from spprof.report.threads import Threads
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from spprof.pprof.profile import Profile

    Path = tuple[int, ...]
    Key = tuple[Path, int]


def report_of(profile: Profile, sample_type: str | None = None) -> Report:
    """The report of one profile. ``sample_type``: which to show first, where it has one of that name."""
    return _Builder([profile], profile.sample_types).report(
        title_of([profile]), facts_of(profile), _first(profile, sample_type)
    )


def difference_of(old: Profile, new: Profile, names: Sequence[str], sample_type: str | None = None) -> Report:
    """The report of what changed. ``names``: what the old and the new one are called.

    ProfileError: they have no sample type in common.
    """
    types = tuple(value_type for value_type in new.sample_types if value_type in old.sample_types)
    if not types:
        raise ProfileError("the two files have no sample type in common")
    builder = _Builder([with_folding_of(old, new), new], types)
    for side, name in zip(builder.sides, names):
        side.name = visible(name)
    facts = [("files", " → ".join(side.name for side in builder.sides)), *facts_of_both(old, new)]
    return builder.report(title_of([old, new]), facts, _first(new, sample_type))


def _first(profile: Profile, sample_type: str | None) -> ValueType:
    for value_type in profile.sample_types:
        if value_type.type == sample_type:
            return value_type
    return profile.sample_types[profile.default_index]


class _Cell:
    """What the samples of one path and one thread add up to, for one side."""

    __slots__ = ("sums", "values")

    def __init__(self, columns: int) -> None:
        self.values = [0] * columns
        self.sums = Sums()
        """Of the column with intervals."""

    def add(self, values: tuple[int, ...], order: list[int]) -> None:
        """Add a sample's values, in the order of the columns."""
        for at, index in enumerate(order):
            self.values[at] += values[index]

    def append_to(self, side: Side, spread_column: int) -> None:
        """Write the sums behind those of the entries before."""
        for column, value in zip(side.values, self.values):
            column.append(value)
        if spread_column < 0:
            return
        sums, spread = self.sums, side.spread
        spread.samples.append(sums.samples if sums.has_spread else -1)
        spread.seen.append(sums.seen)
        spread.variance.append(sums.variance)
        spread.lean.append(sums.skewness / sums.variance if sums.variance else 0.0)


class _Builder:
    """Puts one or two profiles into one tree."""

    def __init__(self, profiles: Sequence[Profile], types: Sequence[ValueType]) -> None:
        self._profiles = profiles
        self._types = types
        has_python = any(
            frame.is_python for profile in profiles for location in profile.locations for frame in location.frames
        )
        self._places = Places(has_python)
        self._threads = Threads()
        self._spread_column = _spread_column(profiles, types)
        self.sides = [
            Side("", _unseen(profile), shortages_of(profile).lost_bytes, [[] for _ in types]) for profile in profiles
        ]

    def report(self, title: str, facts: list[tuple[str, str]], first: ValueType) -> Report:
        cells = [self._cells(profile) for profile in self._profiles]
        report = Report(
            title=title,
            facts=facts,
            columns=[Column(*map(visible, column_of(value_type))) for value_type in self._types],
            first_column=self._types.index(first) if first in self._types else 0,
            spread_column=self._spread_column,
            threads=self._threads.names,
            places=self._places.rows,
            sides=self.sides,
        )
        self._add_entries(report, cells)
        return report

    def _cells(self, profile: Profile) -> dict[Key, _Cell]:
        order = [profile.sample_types.index(value_type) for value_type in self._types]
        spread = order[self._spread_column] if self._spread_column >= 0 else -1
        drawing = Drawing(profile) if spread >= 0 and profile.is_heap else None
        counts = profile.sample_types.index(SAMPLES) if spread >= 0 and not profile.is_heap else -1
        parts = [self._places.path(frames) for frames in profile.frames_by_location]
        paths: dict[Path, Path] = {}
        cells: dict[Key, _Cell] = {}
        for sample in profile.samples:
            if not any(sample.values):
                continue
            path = paths.get(sample.stack)
            if path is None:
                path = paths[sample.stack] = tuple(chain.from_iterable(map(parts.__getitem__, reversed(sample.stack))))
            key = path, self._threads.number(sample.labels)
            cell = cells.get(key)
            if cell is None:
                cell = cells[key] = _Cell(len(order))
            cell.add(sample.values, order)
            if drawing:
                drawn = drawing.of(sample)
                if drawn:
                    cell.sums.add(drawn.weight.sums, drawn.blocks)
                elif sample.values[spread]:
                    cell.sums.add_value(sample.values[spread])
            elif counts >= 0:
                cell.sums.add_timed(sample.values[spread], sample.values[counts])
        return cells

    def _add_entries(self, report: Report, cells: list[dict[Key, _Cell]]) -> None:
        nothing = _Cell(len(self._types))
        nodes = _Nodes(report)
        for key in sorted({key for side in cells for key in side}):
            report.entry_nodes.append(nodes.of(key[0]))
            report.entry_threads.append(key[1])
            for side, of in zip(self.sides, cells):
                of.get(key, nothing).append_to(side, self._spread_column)


class _Nodes:
    """Appends nodes for paths that come in order."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._path: Path = ()
        self._open = [0]

    def of(self, path: Path) -> int:
        """The node of a path."""
        report, before = self._report, self._path
        common = _agree(before, path)
        for depth in range(common, len(path)):
            report.ups.append(len(before) - common if depth == common else 0)
            report.node_places.append(path[depth])
        last = len(report.ups)
        self._open[common + 1 :] = range(last - len(path) + common + 1, last + 1)
        self._path = path
        return self._open[-1]


def _spread_column(profiles: Sequence[Profile], types: Sequence[ValueType]) -> int:
    """Bytes in use have intervals. Of times it is known how far two runs differ by chance, not how far one is off."""
    if INUSE_SPACE in types and all(profile.is_heap for profile in profiles):
        return types.index(INUSE_SPACE)
    times = {profile.sample_types[profile.time_index] for profile in profiles if profile.time_index >= 0}
    if len(profiles) > 1 and len(times) == 1 and all(profile.has_counts for profile in profiles):
        time = times.pop()
        return types.index(time) if time in types else -1
    return -1


def _agree(one: Path, other: Path) -> int:
    """How many places two paths have in common from the root on."""
    for at, (left, right) in enumerate(zip(one, other)):
        if left != right:
            return at
    return min(len(one), len(other))


def _unseen(profile: Profile) -> int:
    if not profile.is_heap or profile.period <= 1:
        return 0
    return round(estimate.unseen_bytes(max(profile.period, shortages_of(profile).thinned_rate)))
