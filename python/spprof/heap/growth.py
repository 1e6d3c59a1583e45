"""How the sites of a program grew over a series of snapshots.

snapshots ─► live samples by site and time of allocation ─► moments ─► analysis.growth ─► one SiteGrowth per site

A sample records when its block was allocated, so any later snapshot shows between which two snapshots that was.
"""

from __future__ import annotations

from bisect import bisect_left

from spprof.analysis import ages
from spprof.analysis.growth import Moment, growth
from spprof.analysis.sample_weights import weight
from spprof.analysis.sightings import Sightings
from spprof.analysis.sites import Sums, key_of, site_frame
from spprof.heap.samples import RATE, SIZE, STACK_ID, TIME, HeapSamples

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from spprof.analysis.sites import SiteKey
    from spprof.results import SiteGrowth

    Cohorts = dict[SiteKey, dict[int, Sums]]

_SECOND = 10**9


def growth_of(snapshots: Iterable[HeapSamples]) -> list[SiteGrowth]:
    """Return the growth of each site that has samples in any of the snapshots. All snapshots are of this process; their
    order does not matter.

    TypeError: an item is not a snapshot.
    """
    every = list(snapshots)
    for one in every:
        if not isinstance(one, HeapSamples):
            raise TypeError(f"growth() takes snapshots from get_snapshot(), not {type(one).__name__}")
    ordered = sorted(every, key=_taken_at)
    times = [_taken_at(one) for one in ordered]
    sightings = Sightings(_SECOND)
    moments = [_moment(one, times, sightings) for one in ordered]
    return growth(moments, max((one.longest_rate_bytes for one in ordered), default=0)).sites


def _taken_at(samples: HeapSamples) -> int:
    return samples.monotonic_ns


def _moment(samples: HeapSamples, times: list[int], sightings: Sightings) -> Moment:
    allocated: dict[SiteKey, int] = {}
    key_by_stack: dict[int, SiteKey] = {}
    for stack_id, _, _, fixed, _ in samples.site_totals():
        key = key_by_stack[stack_id] = key_of(site_frame(samples.frames(stack_id)))
        allocated[key] = allocated.get(key, 0) + fixed
    live = _by_birth(samples, times, key_by_stack)
    seen = {key: sightings.seen(key, live.get(key, {}), fixed) for key, fixed in allocated.items()}
    return Moment(_taken_at(samples) / _SECOND, seen)


def _by_birth(samples: HeapSamples, times: list[int], key_by_stack: dict[int, SiteKey]) -> Cohorts:
    """Return the live sums of each site by time of allocation, in ns."""
    first = ages.limits(times[0])
    counts: dict[tuple[int, int, int, int], int] = {}
    for record in samples.records():
        place = bisect_left(times, record[TIME])
        if place == 0:
            born = times[0] - ages.band_of(record[TIME], first) * _SECOND
        else:
            born = times[min(place, len(times) - 1)]
        group = record[STACK_ID], born, record[SIZE], record[RATE]
        counts[group] = counts.get(group, 0) + 1
    live: Cohorts = {}
    for (stack_id, born, size, rate), count in counts.items():
        of_site = live.setdefault(key_by_stack[stack_id], {})
        of_site.setdefault(born, Sums()).add(weight(size, rate).sums, count)
    return live
