"""The live memory over time: the snapshots of a series, as the page draws them.

    plain profile of a moment ─► moment_of ──────────┐
    rows by the id of their stack ─► SeriesSums ─► Moment ─► history_of ─► History: the largest sites, all others, RSS

``moment_of`` totals a whole profile. ``SeriesSums`` takes each snapshot's rows, keyed by the id of their stack, and
processes only those that differ from the previous snapshot.
"""

from __future__ import annotations

from spprof import _engine
from spprof.analysis.by_site import NOWHERE, Tally, whole_interval
from spprof.analysis.imports import with_imports_folded
from spprof.analysis.sample_weights import adder
from spprof.analysis.sites import Sums, key_of, rounded, site_frame
from spprof.pprof.profile import INUSE_SPACE, Profile, Sample
from spprof.records import NamedTuple
from spprof.report.model import History, Point
from spprof.text import place, visible, whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from typing import Optional

    from spprof.analysis.paths import ShortPaths
    from spprof.analysis.sample_weights import Add
    from spprof.analysis.sites import SiteKey
    from spprof.pprof.profile import Location, ValueType
    from spprof.pprof.profile import Mapping as MappedObject

    Rows = Sequence[Sample]

SITES_MOST = 8
"""How many sites are drawn separately: more colours could not be distinguished."""

_MILLISECOND_NS = 10**6


class Moment(NamedTuple):
    """One snapshot of a series. Sizes are in bytes."""

    time_ns: int
    """When it was taken, on the wall clock."""
    monotonic_ms: int
    """The same, on the monotonic clock, which the "allocated_by" labels also use."""
    live: int
    """Estimated live bytes."""
    ends: Optional[tuple[int, int]]
    """Its 95 % interval; None: unknown."""
    sites: Mapping[SiteKey, int]
    """The live bytes of each site."""
    rss: Optional[int] = None
    pss: Optional[int] = None


def moment_of(profile: Profile, monotonic_ms: int) -> Moment:
    """Return a heap profile as one moment of a history. RSS and PSS come from its comments ``rss`` and ``pss``.

    ValueError: the profile has no bytes in use.
    """
    tally = Tally(profile, profile.sample_types.index(INUSE_SPACE))
    return Moment(
        profile.time_ns,
        monotonic_ms,
        tally.whole.value,
        tally.whole_interval(),
        {key: site.value for key, site in tally.own.items()},
        whole_number(profile.note("rss")),
        whole_number(profile.note("pss")),
    )


class _Stack(NamedTuple):
    """A stack in the latest snapshot."""

    rows: Rows
    sums: Sums
    site: SiteKey


class SeriesSums:
    """Totals the live memory at each snapshot of a series. The snapshots are given one after another."""

    def __init__(
        self,
        locations: Collection[Location],
        shown: Callable[[Profile], Profile] = with_imports_folded,
        mappings: Collection[MappedObject] = (),
    ) -> None:
        """``locations``: the locations to which the stacks of all rows refer. ``mappings``: the mappings to which the
        locations refer. Both may grow between snapshots. ``shown``: transforms a profile's stacks for display, as for
        the page's own profile.
        """
        self._locations = locations
        self._shown = shown
        self._mappings = mappings
        self._stacks: dict[int, _Stack] = {}
        self._types: Sequence[ValueType] = ()
        self._add: Optional[Add] = None
        self._held: dict[SiteKey, int] = {}
        """The bytes of each site, in 1/BYTES_ONE."""
        self._seen = self._unknown = 0
        """Bytes of the sampled blocks themselves, and number of stacks without an interval."""

    def moment(self, header: Profile, stacks: Mapping[int, Rows], monotonic_ms: int) -> Moment:
        """Return the moment of the next snapshot. ``header``: its profile, whose own rows are ignored. ``stacks``: its
        rows, keyed by the id of their stack; unchanged rows must be the same objects as in the previous snapshot.

        ValueError: the profile has no bytes in use.
        """
        if self._add is None or self._types != header.sample_types:
            self._add = adder(header, header.sample_types.index(INUSE_SPACE))
            self._types = header.sample_types
        known = self._stacks
        changed = [number for number, rows in stacks.items() if number not in known or known[number].rows is not rows]
        new = [number for number in changed if number not in known and stacks[number]]
        sites = dict(zip(new, self._sites_of([stacks[number][0].stack for number in new])))
        for number in [number for number in known if number not in stacks]:
            self._hold(known.pop(number), -1)
        for number in changed:
            before = known.pop(number, None)
            if before is not None:
                self._hold(before, -1)
            if stacks[number]:
                known[number] = self._summed(stacks[number], sites[number] if before is None else before.site)
                self._hold(known[number], 1)
        return self._moment(header, monotonic_ms)

    def _summed(self, rows: Rows, site: SiteKey) -> _Stack:
        assert self._add is not None, "it has already been created"
        sums = Sums()
        for row in rows:
            self._add(row, sums)
        return _Stack(rows, sums, site)

    def _sites_of(self, stacks: list[tuple[int, ...]]) -> list[SiteKey]:
        if not stacks:
            return []
        samples = [Sample(stack, (1,)) for stack in stacks]
        profile = Profile((INUSE_SPACE,), list(self._locations), samples, list(self._mappings), INUSE_SPACE.type)
        shown = self._shown(profile)
        frames = [shown.frames(sample.stack) for sample in shown.samples]
        return [key_of(site_frame(one)) if one else NOWHERE for one in frames]

    def _hold(self, stack: _Stack, times: int) -> None:
        self._seen += times * stack.sums.seen
        self._unknown += times * (not stack.sums.is_drawn)
        left = self._held.get(stack.site, 0) + times * stack.sums.fixed
        if left:
            self._held[stack.site] = left
        else:
            self._held.pop(stack.site, None)

    def _moment(self, header: Profile, monotonic_ms: int) -> Moment:
        whole = Sums(seen=self._seen, fixed=sum(self._held.values()))
        whole.is_drawn = not self._unknown
        # Recompute it: adding and subtracting floats would leave remainders.
        for stack in self._stacks.values():
            whole.variance += stack.sums.variance
            whole.skewness += stack.sums.skewness
        return Moment(
            header.time_ns,
            monotonic_ms,
            whole.value,
            whole_interval(header, INUSE_SPACE, whole),
            {site: rounded(held, _engine.BYTES_ONE) for site, held in self._held.items()},
            whole_number(header.note("rss")),
            whole_number(header.note("pss")),
        )


def in_order(moments: Iterable[Moment]) -> list[Moment]:
    """Return the moments in chronological order, as measured by the monotonic clock. If several have the same time,
    keep only the last one given.
    """
    of_time = {moment.monotonic_ms: moment for moment in moments}
    return [of_time[time] for time in sorted(of_time)]


def history_of(moments: Sequence[Moment], paths: ShortPaths, sites_most: int = SITES_MOST) -> History:
    """Return the history of ordered moments, with the ``sites_most`` sites that held the most at any of them."""
    most: dict[SiteKey, int] = {}
    for moment in moments:
        for key, held in moment.sites.items():
            if held > most.get(key, 0):
                most[key] = held
    chosen = sorted(most, key=lambda key: (-most[key], key))[:sites_most]
    names = [(visible(key.function) or "?", visible(place(paths.of(key.file), key.line))) for key in chosen]
    walls = _wall_ms(moments)
    return History(names, [_point(moment, wall, moments[0], chosen) for moment, wall in zip(moments, walls)])


def _point(moment: Moment, wall_ms: int, first: Moment, chosen: Sequence[SiteKey]) -> Point:
    parts = [max(moment.sites.get(key, 0), 0) for key in chosen]
    low, high = moment.ends or (None, None)
    since_ms = moment.monotonic_ms - first.monotonic_ms
    others = max(moment.live - sum(parts), 0)
    return Point(wall_ms, since_ms, moment.live, low, high, moment.rss, moment.pss, [*parts, others])


def _wall_ms(moments: Sequence[Moment]) -> list[int]:
    """Return the wall-clock time of each moment. If the clock was set back, count back from the last one on the
    monotonic clock.
    """
    times = [moment.time_ns for moment in moments]
    if times == sorted(times):
        return [time // _MILLISECOND_NS for time in times]
    last = moments[-1]
    return [last.time_ns // _MILLISECOND_NS - (last.monotonic_ms - moment.monotonic_ms) for moment in moments]
