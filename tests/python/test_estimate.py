"""Weights and intervals, checked exactly where possible, and otherwise by simulation with fixed seeds."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from statistics import NormalDist

import pytest
from spprof import estimate

RATE = 4096


def test_a_sample_stands_for_its_size_over_its_probability():
    probability, weight, objects = estimate.weigh(1000, RATE)
    assert probability == pytest.approx(1 - math.exp(-1000 / 4096), rel=1e-12)
    assert weight == pytest.approx(1000 / probability)
    assert objects == pytest.approx(1 / probability)


def test_a_tiny_block_keeps_its_precision_at_the_highest_rate():
    _, weight, _ = estimate.weigh(1, 2**30)
    assert weight == pytest.approx(2**30 + 0.5, rel=1e-12)  # s/p = R + s/2 + …


@pytest.mark.parametrize("size", [0, 1, 10**12])
def test_rate_zero_counts_every_block_as_itself(size: int):
    assert estimate.weigh(size, 0) == (1.0, size, 1.0)
    assert estimate.spread(size, 0) == (0.0, 0.0)


def test_a_block_of_many_rates_is_certain():
    assert estimate.weigh(800_000_000, 512 * 1024) == (1.0, 800_000_000.0, 1.0)
    assert estimate.spread(800_000_000, 512 * 1024) == (0.0, 0.0)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
def test_the_ends_are_the_values_the_observation_does_not_reject(confidence: float):
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    y, v, s = 50_000.0, 9e7, 3e11
    low, high = estimate.interval(y, v, s, 0.0, confidence)
    for end in (low, high):
        assert (y - end) ** 2 == pytest.approx(z * z * (v + s / v * (end - y)), rel=1e-9)
    assert low < y < high


@pytest.mark.parametrize("level", [0.05, 0.5, 0.975])
def test_the_highest_of_one_error_is_a_standard_normal(level: float):
    assert estimate.highest_quantile(0, level) == pytest.approx(NormalDist().inv_cdf(level), abs=1e-12)


def highest_errors(renewals: int, runs: int, steps: int = 60) -> list[float]:
    """Return each run's highest error of an estimate of blocks with exponential lifetimes, simulated in naive steps."""
    chance = random.Random(renewals)
    stays = math.exp(-1 / steps)
    new = math.sqrt(1 - stays**2)
    found = []
    for _ in range(runs):
        highest = error = chance.gauss(0, 1)
        for _ in range(renewals * steps):
            error = stays * error + new * chance.gauss(0, 1)
            highest = max(highest, error)
        found.append(highest)
    return sorted(found)


@pytest.mark.parametrize(("renewals", "runs"), [(1, 4000), (10, 1000), (30, 400)])
def test_the_highest_of_many_errors_is_that_of_a_simulation(renewals: int, runs: int):
    """The simulation misses about 0.1 between its steps. In the range that intervals need, the formula is an upper
    bound.
    """
    found = highest_errors(renewals, runs)
    for level, near in [(0.5, 0.25), (0.9, 0.25), (0.975, 0.35)]:
        assert estimate.highest_quantile(renewals, level) == pytest.approx(found[round(level * runs)], abs=near)
    beyond = sum(highest > estimate.highest_quantile(renewals, 0.975) for highest in found) / runs
    assert beyond <= 0.025


def test_the_low_end_reaches_as_far_as_what_was_replaced_may_have_chosen():
    z = NormalDist().inv_cdf(0.975)
    assert estimate.low_reach(0, 1) == estimate.low_reach(100, 0) == pytest.approx(z)
    assert estimate.low_reach(1e-9, 1) == pytest.approx(z, abs=1e-4)
    assert estimate.low_reach(100, 1) == pytest.approx(estimate.highest_quantile(100, 0.975))
    reaches = [estimate.low_reach(renewals, 0.5) for renewals in (0.1, 1, 10, 1e3, 1e6, 1e12)]
    assert reaches == sorted(reaches)
    shares = [estimate.low_reach(100, share / 10) for share in range(11)]
    assert shares == sorted(shares)


def test_a_choice_lowers_the_low_end_alone():
    numbers = 50_000.0, 9e7, 3e11, 1000.0
    low, high = estimate.interval(*numbers)
    chosen_low, chosen_high = estimate.interval(*numbers, renewals=20, share=0.7)
    assert chosen_low < low
    assert chosen_high == high
    assert estimate.heap_interval(*numbers, RATE, renewals=20, share=0.7) == (chosen_low, high)


def test_without_variance_both_ends_are_the_estimate():
    assert estimate.interval(800.0, 0.0, 0.0, 800.0) == (800.0, 800.0)


def test_the_low_end_is_never_less_than_what_was_seen():
    variance, skewness = estimate.spread(3000, RATE)
    _, weight, _ = estimate.weigh(3000, RATE)
    unclamped, _ = estimate.interval(weight, variance, skewness, 0.0)
    low, _ = estimate.interval(weight, variance, skewness, 3000.0)
    assert unclamped < 3000 == low


def test_without_samples_the_heap_is_between_nothing_and_four_rates_at_most():
    assert estimate.heap_interval(0.0, 0.0, 0.0, 0.0, RATE) == (0.0, pytest.approx(3.6889 * RATE, rel=1e-4))
    assert estimate.heap_interval(0.0, 0.0, 0.0, 0.0, 0) == (0.0, 0.0)


def test_one_certain_block_does_not_make_the_rest_of_the_heap_vanish():
    low, high = estimate.heap_interval(1e9, 0.0, 0.0, 1e9, RATE)
    assert (low, high) == (1e9, 1e9 + estimate.unseen_bytes(RATE))


def test_unseen_bytes_are_missed_with_half_of_the_error_probability():
    for confidence in (0.5, 0.95, 0.99):
        assert math.exp(-estimate.unseen_bytes(RATE, confidence) / RATE) == pytest.approx((1 - confidence) / 2)


def test_the_usual_quantile_is_the_exact_one():
    assert estimate.normal_quantile(0.95) == pytest.approx(NormalDist().inv_cdf(0.975), rel=1e-15)
    assert estimate.normal_quantile(0.9999) == pytest.approx(NormalDist().inv_cdf(0.99995), rel=1e-9)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, 95, math.nan])
def test_a_confidence_outside_its_range_is_refused(confidence: float):
    for refuses in (
        lambda: estimate.interval(1.0, 1.0, 1.0, 0.0, confidence),
        lambda: estimate.low_reach(1.0, 1.0, confidence),
        lambda: estimate.highest_quantile(1.0, confidence),
        lambda: estimate.heap_interval(0.0, 0.0, 0.0, 0.0, RATE, confidence),
        lambda: estimate.difference_interval(1.0, (1.0, 1.0), (0.0, 0.0), confidence),
        lambda: estimate.unseen_bytes(RATE, confidence),
    ):
        with pytest.raises(ValueError, match="between 0 and 1"):
            refuses()


# ---- Coverage: 2000 heaps each, so that a share near 0.95 has a standard error of 0.005

HEAPS = 2000

MIXTURES = {
    "small blocks, 10 samples": [(64, 640)],
    "small blocks, 40 samples": [(64, 2560)],
    "blocks of half a rate": [(2048, 40)],
    "sizes mixed over three decades": [(50, 400), (500, 40), (5000, 10)],
}


def _draw(chance: random.Random, mixture: list[tuple[int, int]]) -> Iterator[int]:
    """Yield the sizes of the sampled blocks, drawn from ``count`` blocks of each ``size``."""
    for size, count in mixture:
        probability, _, _ = estimate.weigh(size, RATE)
        for _ in range(count):
            if chance.random() < probability:
                yield size


def _sums(sizes: list[int]) -> tuple[float, float, float, float]:
    """Return Y, V, S and the seen bytes, summed naively."""
    weights = [estimate.weigh(size, RATE)[1] for size in sizes]
    spreads = [estimate.spread(size, RATE) for size in sizes]
    return sum(weights), sum(v for v, _ in spreads), sum(s for _, s in spreads), float(sum(sizes))


@pytest.mark.parametrize("mixture", MIXTURES.values(), ids=MIXTURES)
def test_the_estimate_is_unbiased_and_the_interval_covers(mixture: list[tuple[int, int]]):
    chance = random.Random(20240917)
    truth = sum(size * count for size, count in mixture)
    covered, total, squares = 0, 0.0, 0.0
    for _ in range(HEAPS):
        y, v, s, seen = _sums([*_draw(chance, mixture)])
        low, high = estimate.interval(y, v, s, seen)
        covered += low <= truth <= high
        total += y
        squares += (y - truth) ** 2
    assert abs(total / HEAPS - truth) < 4 * math.sqrt(squares) / HEAPS
    assert 0.93 <= covered / HEAPS <= 0.97


@pytest.mark.parametrize("blocks", [1, 3, 6, 15, 60])
def test_the_heap_interval_covers_however_few_samples_there_are(blocks: int):
    chance = random.Random(blocks)
    mixture = [(1000, blocks)]
    covered = 0
    for _ in range(HEAPS):
        low, high = estimate.heap_interval(*_sums([*_draw(chance, mixture)]), RATE)
        covered += low <= 1000 * blocks <= high
    assert covered / HEAPS >= 0.93


CHANGES = {
    "none, few": ([(64, 320)], [(64, 320)]),
    "none, many": ([(64, 2560)], [(64, 2560)]),
    "pure growth": ([(64, 1280)], []),
    "pure shrinking": ([], [(64, 1280)]),
    "twice as much": ([(64, 2560)], [(64, 1280)]),
    "other sizes": ([(3000, 20)], [(64, 640)]),
}


@pytest.mark.parametrize(("added", "removed"), CHANGES.values(), ids=CHANGES)
def test_the_interval_of_a_difference_covers(added: list[tuple[int, int]], removed: list[tuple[int, int]]):
    chance = random.Random(7)
    truth = sum(size * count for size, count in added) - sum(size * count for size, count in removed)
    covered = 0
    for _ in range(HEAPS):
        came, went = _sums([*_draw(chance, added)]), _sums([*_draw(chance, removed)])
        low, high = estimate.difference_interval(came[0] - went[0], came[1:3], went[1:3])
        covered += low <= truth <= high
    assert 0.93 <= covered / HEAPS <= 0.99


def test_one_sample_more_is_no_significant_growth_and_four_are():
    _, weight, _ = estimate.weigh(64, RATE)
    variance, skewness = estimate.spread(64, RATE)
    for count, significant in ((1, False), (3, False), (4, True)):
        low, _ = estimate.difference_interval(count * weight, (count * variance, count * skewness), (0.0, 0.0))
        assert (low > 0) is significant


def test_the_difference_read_backwards_is_its_mirror_image():
    added, removed = (9e6, 4e10), (1e6, 2e9)
    low, high = estimate.difference_interval(5000.0, added, removed)
    assert estimate.difference_interval(-5000.0, removed, added) == (-high, -low)
