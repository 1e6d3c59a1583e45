"""What changed between two snapshots of one process, site by site.

    earlier:  a b c d            a, b are in both and cancel exactly;
    later:    a b     e f        removed: c d, added: e f make the difference and its uncertainty

A sample is known by its serial number, which the engine gives out once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof.analysis import estimate
from spprof.analysis.sites import LiveSite, SiteKey, outwards
from spprof.heap.snapshot import HeapSnapshot
from spprof.results import SiteDifference

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERIAL, _RATE, _STACK_ID, _SIZE = 3, 4, 5, 1


class _Change:
    """(V, S) of the samples that came to one site, and of those that went."""

    __slots__ = ("added", "removed")

    def __init__(self) -> None:
        self.added = (0.0, 0.0)
        self.removed = (0.0, 0.0)


def compare(earlier: HeapSnapshot, later: HeapSnapshot) -> list[SiteDifference]:
    """Later minus earlier, largest absolute change of bytes first, then by name.

    TypeError unless both are snapshots.
    """
    if not isinstance(earlier, HeapSnapshot):
        raise TypeError(f"compare() takes an earlier HeapSnapshot, not {type(earlier).__name__}")
    before = {record[_SERIAL] for record in earlier.records()}
    after = {record[_SERIAL] for record in later.records()}
    changes: dict[SiteKey, _Change] = {}
    for key, variance, skewness in _spreads(later, after - before):
        change = changes.setdefault(key, _Change())
        change.added = (change.added[0] + variance, change.added[1] + skewness)
    for key, variance, skewness in _spreads(earlier, before - after):
        change = changes.setdefault(key, _Change())
        change.removed = (change.removed[0] + variance, change.removed[1] + skewness)
    differences = [_difference(key, change, earlier, later) for key, change in changes.items()]
    return sorted(differences, key=lambda one: (-abs(one.delta_bytes), one.function, one.file, one.line))


def _spreads(snapshot: HeapSnapshot, serials: set[int]) -> Iterator[tuple[SiteKey, float, float]]:
    """Site, V and S of each sample of the snapshot whose serial is wanted."""
    keys: dict[int, SiteKey] = {}
    spreads: dict[tuple[int, int], tuple[float, float]] = {}
    for record in snapshot.records():
        if record[_SERIAL] not in serials:
            continue
        size, rate, stack_id = record[_SIZE], record[_RATE], record[_STACK_ID]
        key = keys.get(stack_id) or keys.setdefault(stack_id, snapshot.site_key(stack_id))
        spread = spreads.get((size, rate)) or spreads.setdefault((size, rate), estimate.spread(size, rate))
        yield key, *spread


def _difference(key: SiteKey, change: _Change, earlier: HeapSnapshot, later: HeapSnapshot) -> SiteDifference:
    nothing = LiveSite()
    old = earlier.live_sites.get(key, nothing)
    new = later.live_sites.get(key, nothing)
    delta_bytes = new.estimated_bytes - old.estimated_bytes
    low, high = outwards(estimate.difference_interval(delta_bytes, change.added, change.removed))
    return SiteDifference(
        function=key.function,
        file=key.file,
        line=key.line,
        delta_bytes=delta_bytes,
        low_bytes=low,
        high_bytes=high,
        delta_objects=new.estimated_objects - old.estimated_objects,
        significant=low > 0 or high < 0,
        old_bytes=old.estimated_bytes,
        new_bytes=new.estimated_bytes,
    )
