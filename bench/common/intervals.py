"""Medians and means, with intervals that assume nothing about the distribution of the measurements."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import fmean, median
from typing import NamedTuple

RESAMPLES = 1000
SEED = 1
"""A fixed seed, so that the same measurements give the same table."""

Groups = Sequence[Sequence[float]]
"""For each process, the measurements of its rounds."""


class Interval(NamedTuple):
    middle: float
    low: float
    high: float


def interval_of(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the median and its interval from the sign test. If there are too few values, the interval is the whole
    range.
    """
    ordered = sorted(values)
    outside = place(len(ordered), (1 - confidence) / 2)
    return Interval(median(ordered), ordered[outside], ordered[-1 - outside])


def place(count: int, tail: float) -> int:
    """Return the largest rank, counted from either end, beyond which the true median lies with at most probability
    ``tail``.
    """
    below, chance = 0, 0.0
    while True:
        chance += math.comb(count, below) / 2**count
        if chance > tail or 2 * (below + 1) > count:
            return max(below - 1, 0)
        below += 1


def of_groups(groups: Groups) -> float:
    """Return the mean of the processes' medians. A process keeps its memory layout, which affects all of its rounds in
    the same way.
    """
    return fmean([median(group) for group in groups])


def resampled(groups: Groups, chance: random.Random) -> list[list[float]]:
    """Draw processes with replacement, and rounds within each."""
    return [chance.choices(group, k=len(group)) for group in chance.choices(groups, k=len(groups))]


def bootstrap(groups: Groups, confidence: float = 0.95) -> Interval:
    """Return the mean and its bootstrap interval. With few processes, the interval is too narrow: use five or more."""
    chance = random.Random(SEED)
    return ordered_interval(
        of_groups(groups), [of_groups(resampled(groups, chance)) for _ in range(RESAMPLES)], confidence
    )


def bootstrap_geometric(rows: Sequence[Groups], confidence: float = 0.95) -> Interval:
    """Return the geometric mean of several programs' ratios. The processes of each program are drawn separately."""
    chance = random.Random(SEED)
    drawn = [geometric_mean([resampled(groups, chance) for groups in rows]) for _ in range(RESAMPLES)]
    return ordered_interval(geometric_mean(rows), drawn, confidence)


def geometric_mean(rows: Sequence[Groups]) -> float:
    return math.exp(fmean([math.log(of_groups(groups)) for groups in rows]))


def ordered_interval(middle: float, drawn: list[float], confidence: float) -> Interval:
    drawn.sort()
    outside = round(len(drawn) * (1 - confidence) / 2)
    return Interval(middle, drawn[outside], drawn[-1 - outside])
