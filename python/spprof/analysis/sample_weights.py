"""The contributions of a profile's samples to the sums of a sample type, with their variance if that is known.

    bytes in use     values (scaled up) + label "bytes" (block size) + label "rate" or the period
                       ─► Drawn(blocks, weight): how many blocks of one size, drawn at one rate ─► V, S: exact
    resident         the same samples, each with its share in memory, from label "resident"
    mapped           like bytes in use: a mapping is a block; large ones are never missed (rate 1)
    at the peak      values + moments: V, S as written; blocks that are still live are treated like bytes in use
    times            values + number of samples behind them
    anything else    values alone

Values in a file are whole numbers. The number of blocks behind the live values is recovered from them, and everything
else is recomputed from that number, so estimates and intervals are those of the snapshot. A sample without a block
size, or whose values are not a multiple of one block's weight, was drawn in another way. It has values but no interval.
Go's samples are drawn in the same way as spprof's.
"""

from __future__ import annotations

import math

from spprof import _engine
from spprof.analysis import estimate
from spprof.analysis.sites import Sums, rounded
from spprof.pprof.profile import (
    BLOCK_SIZE,
    DRAWN_AT,
    INUSE_OBJECTS,
    INUSE_SPACE,
    MAPPED_OBJECTS,
    MAPPED_SPACE,
    PEAK_OBJECTS,
    PEAK_SPACE,
    RESIDENT,
    RESIDENT_SPACE,
    SAMPLES,
)
from spprof.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Optional

    from spprof.pprof.profile import Label, Profile, Sample, ValueType

    Add = Callable[[Sample, Sums], None]

_BYTES_ONE = _engine.BYTES_ONE
_OBJECTS_ONE = _engine.OBJECTS_ONE

EVERY_ALLOCATION = 1
"""The rate that files state if every allocation was sampled: at this rate, even a block of one byte is never missed."""

_TOLERANCE = 2.0
_TOLERANCE_SHARE = 1 / 64
"""How far a value may be from a multiple of one block's weight, because of rounding, even after many files were added.
"""


_OBJECTS_BESIDE = {
    INUSE_SPACE: INUSE_OBJECTS,
    PEAK_SPACE: PEAK_OBJECTS,
    MAPPED_SPACE: MAPPED_OBJECTS,
    RESIDENT_SPACE: INUSE_OBJECTS,
}
"""The sample types with intervals, each with the type that it also needs."""


class Weight(NamedTuple):
    """The weight of one sampled block."""

    bytes: float
    objects: float
    sums: Sums
    """The weight as the sums of one sample, rounded as the engine rounds."""


class Drawn(NamedTuple):
    """A number of sampled blocks of one weight."""

    blocks: int
    weight: Weight


def weight(size: int, rate: int) -> Weight:
    """Return the weight of a block of ``size`` bytes drawn at ``rate``; 0 and 1 both mean every allocation."""
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


def absent_of(one: Weight, size: int, resident: int) -> int:
    """Return the part of a block's ``fixed`` that is not in memory when ``resident`` of the block's bytes are."""
    return one.sums.fixed - rounded(one.sums.fixed * resident, size)


def adder(profile: Profile, index: int) -> Add:
    """Return a function that adds a sample's value of the sample type at ``index`` to some sums, with everything that
    is known about the value.
    """
    value_type, types = profile.sample_types[index], profile.sample_types
    if value_type == RESIDENT_SPACE and has_interval(profile, value_type):
        return _resident(profile, index)
    if has_interval(profile, value_type):
        return _drawn(profile, index, types.index(_OBJECTS_BESIDE[value_type]))
    if index == profile.time_index and profile.has_counts:
        return _timed(types.index(SAMPLES), index)
    return lambda sample, sums: sums.add_value(sample.values[index]) if sample.values[index] else None


def has_interval(profile: Profile, value_type: ValueType) -> bool:
    """Return whether the profile may show how the values were sampled."""
    if value_type == RESIDENT_SPACE and INUSE_SPACE not in profile.sample_types:
        return False
    return _OBJECTS_BESIDE.get(value_type) in profile.sample_types


def _drawn(profile: Profile, index: int, objects_at: int) -> Add:
    drawing = Drawing(profile, index, objects_at)
    is_peak = profile.sample_types[index] == PEAK_SPACE

    def add(sample: Sample, sums: Sums) -> None:
        moments, values = sample.moments, sample.values
        if moments and is_peak:
            fixed, objects = values[index] * _BYTES_ONE, values[objects_at] * _OBJECTS_ONE
            sums.add(Sums(moments.samples, moments.seen, fixed, objects, moments.variance, moments.skewness))
            return
        drawn = drawing.of(sample)
        if drawn:
            sums.add(drawn.weight.sums, drawn.blocks)
        elif values[index]:
            sums.add_value(values[index])

    return add


def _resident(profile: Profile, index: int) -> Add:
    types = profile.sample_types
    pairs = ((INUSE_SPACE, INUSE_OBJECTS), (MAPPED_SPACE, MAPPED_OBJECTS))
    drawings = [
        Drawing(profile, types.index(space), types.index(objects))
        for space, objects in pairs
        if space in types and objects in types
    ]
    shares: dict[int, Sums] = {}

    def add(sample: Sample, sums: Sums) -> None:
        if not sample.values[index]:
            return
        found = (drawing.of(sample) for drawing in drawings)
        drawn = next((one for one in found if one and one.blocks), None)
        if drawn is None:
            sums.add_value(sample.values[index])
            return
        whole = drawn.weight.sums
        share = shares.get(id(whole)) or shares.setdefault(id(whole), whole.in_memory)
        sums.add(share, drawn.blocks)

    return add


def _timed(counts_at: int, index: int) -> Add:
    def add(sample: Sample, sums: Sums) -> None:
        if sample.values[index]:
            sums.add_timed(sample.values[index], sample.values[counts_at])

    return add


class Drawing:
    """Recovers the number of blocks behind a profile's samples. ``bytes_at`` and ``objects_at``: indices of their
    sample types.
    """

    def __init__(self, profile: Profile, bytes_at: int, objects_at: int) -> None:
        self._bytes_at = bytes_at
        self._objects_at = objects_at
        self._period = profile.period
        self._weights: dict[tuple[Label, ...], Optional[Weight]] = {}
        self._weights_of: dict[tuple[int, int, int], Weight] = {}
        """Keyed by size, rate and resident bytes: many label sets are equivalent and differ only in thread and time."""

    def of(self, sample: Sample) -> Drawn | None:
        """Return the blocks of ``sample``; None if they cannot be recovered."""
        labels = sample.labels
        found = self._weights[labels] if labels in self._weights else self._weight_slow(labels)
        if found is None:
            return None
        space, objects = sample.values[self._bytes_at], sample.values[self._objects_at]
        count = round(space / found.bytes if found.bytes else objects / found.objects)
        if count < 0 or not _near(space, count * found.bytes, found.bytes):
            return None
        return Drawn(count, found) if _near(objects, count * found.objects, found.objects) else None

    def _weight_slow(self, labels: tuple[Label, ...]) -> Weight | None:
        numbers = {label.key: label.number for label in labels if label.text is None}
        size, rate = numbers.get(BLOCK_SIZE, -1), numbers.get(DRAWN_AT, self._period)
        if not (size >= 0 and 0 < rate <= _engine.RATE_MAX_BYTES):
            self._weights[labels] = None
            return None
        key = size, rate, numbers.get(RESIDENT, size)
        found = self._weights_of.get(key)
        if found is None:
            found = self._weights_of[key] = weight(size, rate)
            if 0 <= key[2] < size:
                found.sums.absent = absent_of(found, size, key[2])
        self._weights[labels] = found
        return found


def _near(value: int, expected: float, one: float) -> bool:
    return abs(value - expected) <= max(_TOLERANCE, one * _TOLERANCE_SHARE)
