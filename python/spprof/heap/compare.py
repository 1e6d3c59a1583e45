"""The change between two snapshots of one process, site by site.

    earlier:  a b c d            a, b are in both and cancel exactly;
    later:    a b     e f        removed: c d, added: e f make the difference and its uncertainty

A sample is identified by its serial number, which the engine assigns once.
"""

from __future__ import annotations

from spprof.analysis import estimate
from spprof.analysis.sample_weights import weight
from spprof.analysis.sites import Site, SiteKey, Sums, outwards
from spprof.heap.samples import RATE, SERIAL, SIZE, STACK_ID, HeapSamples
from spprof.results import SiteDifference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class _Change:
    """The sums of the samples that appeared at one site, and of those that disappeared."""

    __slots__ = ("added", "removed")

    def __init__(self) -> None:
        self.added = Sums()
        self.removed = Sums()


def compare(earlier: HeapSamples, later: HeapSamples) -> list[SiteDifference]:
    """Return the differences (later minus earlier), largest absolute change of bytes first, then by name."""
    before = {record[SERIAL] for record in earlier.records()}
    after = {record[SERIAL] for record in later.records()}
    changes: dict[SiteKey, _Change] = {}
    for key, one in _weights(later, after - before):
        changes.setdefault(key, _Change()).added.add(one)
    for key, one in _weights(earlier, before - after):
        changes.setdefault(key, _Change()).removed.add(one)
    differences = [_difference(key, change, earlier, later) for key, change in changes.items()]
    return sorted(differences, key=lambda one: (-abs(one.delta_bytes), one.function, one.file, one.line))


def _weights(samples: HeapSamples, serials: set[int]) -> Iterator[tuple[SiteKey, Sums]]:
    """Yield the site and weight of each sample whose serial number is in ``serials``."""
    keys: dict[int, SiteKey] = {}
    weights: dict[tuple[int, int], Sums] = {}
    for record in samples.records():
        if record[SERIAL] not in serials:
            continue
        size, rate, stack_id = record[SIZE], record[RATE], record[STACK_ID]
        key = keys.get(stack_id) or keys.setdefault(stack_id, samples.site_key(stack_id))
        one = weights.get((size, rate)) or weights.setdefault((size, rate), weight(size, rate).sums)
        yield key, one


def _difference(key: SiteKey, change: _Change, earlier: HeapSamples, later: HeapSamples) -> SiteDifference:
    nothing = Site()
    old = earlier.live_sites.get(key, nothing)
    new = later.live_sites.get(key, nothing)
    delta_bytes = new.value - old.value
    low, high = outwards(estimate.difference_interval(delta_bytes, change.added.spread, change.removed.spread))
    return SiteDifference(
        function=key.function,
        file=key.file,
        line=key.line,
        delta_bytes=delta_bytes,
        low_bytes=low,
        high_bytes=high,
        delta_objects=new.objects - old.objects,
        significant=low > 0 or high < 0,
        old_bytes=old.value,
        new_bytes=new.value,
    )
