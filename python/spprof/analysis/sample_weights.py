"""What a sample of a heap profile was before it was scaled up: so many blocks of one size, drawn at one rate.

    values (scaled up) + label "bytes" (block size) + label "rate" or the period ─► Drawn(count, size, rate)
                                                                                      └─► weights, V, S: exact

Values in a file are whole numbers; the count behind them is recovered from them, and everything is worked out anew from
it, so that estimates and intervals are those of the snapshot. A sample without a block size, or whose values are no
multiple of what one block stands for, was not drawn as we draw: it has values and no interval. Go draws as we do.
"""

from __future__ import annotations

import math

from spprof import _engine
from spprof.analysis import estimate
from spprof.analysis.sites import Sums
from spprof.pprof.profile import INUSE_OBJECTS, INUSE_SPACE
from spprof.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from spprof.pprof.profile import Label, Profile, Sample

_BYTES_ONE = _engine.BYTES_ONE
_OBJECTS_ONE = _engine.OBJECTS_ONE

EVERY_ALLOCATION = 1
"""The rate that files give where every allocation was sampled: a block of one byte is never missed at it."""

_TOLERANCE = 2.0
_TOLERANCE_SHARE = 1 / 64
"""How far a value may be from a multiple of one block's weight: by rounding, also that of many files summed up."""


class Weight(NamedTuple):
    """What one sampled block stands for."""

    bytes: float
    objects: float
    sums: Sums
    """The same as sums of one sample, rounded as the engine rounds."""


class Drawn(NamedTuple):
    """So many sampled blocks, all of the same weight."""

    blocks: int
    weight: Weight


def weight(size: int, rate: int) -> Weight:
    """The weight of a block of ``size`` bytes drawn at ``rate``; 0 and 1 both mean every allocation."""
    rate = 0 if rate == EVERY_ALLOCATION else rate
    _, estimated_bytes, objects = estimate.weigh(size, rate)
    sums = Sums(
        1,
        size,
        math.floor(estimated_bytes * _BYTES_ONE + 0.5),
        math.floor(objects * _OBJECTS_ONE + 0.5),
        *estimate.spread(size, rate),
    )
    return Weight(estimated_bytes, objects, sums)


class Drawing:
    """Recovers the counts of a profile's samples that are in use."""

    def __init__(self, profile: Profile) -> None:
        self._bytes_at = profile.sample_types.index(INUSE_SPACE)
        self._objects_at = profile.sample_types.index(INUSE_OBJECTS)
        self._period = profile.period
        self._weights: dict[tuple[Label, ...], Optional[Weight]] = {}

    def of(self, sample: Sample) -> Drawn | None:
        """The blocks of ``sample`` that are in use, or None where that cannot be told."""
        labels = sample.labels
        found = self._weights[labels] if labels in self._weights else self._weight_slow(labels)
        if found is None:
            return None
        in_use, objects = sample.values[self._bytes_at], sample.values[self._objects_at]
        count = round(in_use / found.bytes if found.bytes else objects / found.objects)
        if count < 0 or not _near(in_use, count * found.bytes, found.bytes):
            return None
        return Drawn(count, found) if _near(objects, count * found.objects, found.objects) else None

    def _weight_slow(self, labels: tuple[Label, ...]) -> Weight | None:
        numbers = {label.key: label.number for label in labels if label.text is None}
        size, rate = numbers.get("bytes", -1), numbers.get("rate", self._period)
        known = size >= 0 and 0 < rate <= _engine.RATE_MAX_BYTES
        found = self._weights[labels] = weight(size, rate) if known else None
        return found


def _near(value: int, expected: float, one: float) -> bool:
    return abs(value - expected) <= max(_TOLERANCE, one * _TOLERANCE_SHARE)
