"""Medians with intervals that assume nothing of how measurements scatter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple


class Interval(NamedTuple):
    median: float
    low: float
    high: float


def interval_of(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """The median and, by the sign test, where the true one lies: too few values give the whole range."""
    ordered = sorted(values)
    outside = place(len(ordered), (1 - confidence) / 2)
    return Interval(median(ordered), ordered[outside], ordered[-1 - outside])


def place(count: int, tail: float) -> int:
    """The largest place from an end beyond which the true median lies with at most the chance ``tail``."""
    below, chance = 0, 0.0
    while True:
        chance += math.comb(count, below) / 2**count
        if chance > tail or 2 * (below + 1) > count:
            return max(below - 1, 0)
        below += 1
