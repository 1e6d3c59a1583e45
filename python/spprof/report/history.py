"""What was live over time: the snapshots of a series as the page draws them.

    plain profile of a moment ─► moment_of ─► Moment ─┐
    sums that the caller has  ──────────────► Moment ─┴► history_of ─► History: the largest sites, all others, RSS

A caller that keeps sums from one snapshot to the next makes each ``Moment`` of them, at the cost of what has changed;
``moment_of`` sums a whole profile up.
"""

from __future__ import annotations

from spprof.analysis.by_site import Tally
from spprof.pprof.profile import INUSE_SPACE
from spprof.records import NamedTuple
from spprof.report.model import History, Point
from spprof.text import place, visible, whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Optional

    from spprof.analysis.paths import ShortPaths
    from spprof.analysis.sites import SiteKey
    from spprof.pprof.profile import Profile

SITES_MOST = 8
"""How many sites are told apart: more colours are not."""

_MILLISECOND_NS = 10**6


class Moment(NamedTuple):
    """One snapshot of a series. Sizes are in bytes."""

    time_ns: int
    """When it was taken, by the wall clock."""
    monotonic_ms: int
    """The same by the monotonic clock, of which labels "allocated_by" tell."""
    live: int
    """The estimate of what was live."""
    ends: Optional[tuple[int, int]]
    """Its 95 % interval; None: it is not known."""
    sites: Mapping[SiteKey, int]
    """What of it each site held."""
    rss: Optional[int] = None
    pss: Optional[int] = None


def moment_of(profile: Profile, monotonic_ms: int) -> Moment:
    """The moment that a heap profile was taken at. RSS and PSS are those of its comments ``rss`` and ``pss``.

    ValueError: it has no bytes in use.
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


def in_order(moments: Iterable[Moment]) -> list[Moment]:
    """The moments as their clock has them; of several at one time the last that was given."""
    of_time = {moment.monotonic_ms: moment for moment in moments}
    return [of_time[time] for time in sorted(of_time)]


def history_of(moments: Sequence[Moment], paths: ShortPaths, sites_most: int = SITES_MOST) -> History:
    """The history of moments that are in order, with the ``sites_most`` sites that ever held the most."""
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
    """When each was taken. Where the wall clock was set back, the last one's time counts, and the time between them."""
    times = [moment.time_ns for moment in moments]
    if times == sorted(times):
        return [time // _MILLISECOND_NS for time in times]
    last = moments[-1]
    return [last.time_ns // _MILLISECOND_NS - (last.monotonic_ms - moment.monotonic_ms) for moment in moments]
