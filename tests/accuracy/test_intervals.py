"""The 95 % interval of a site has the stated coverage. The samples come from the engine, and the formula from Python.

Each case has 2,000 fixed seeds: a share near 0.95 has a standard error of 0.005.
"""

from __future__ import annotations

import math

import pytest
from conftest import Run, run_workload
from spprof import estimate

KB, MB = 1024, 1024 * 1024
RATE = 4 * KB
SEEDS = 2000


def expected_samples(kinds: dict[int, int]) -> float:
    return sum(count * -math.expm1(-size / RATE) for size, count in kinds.items())


def expected_unsampled(kinds: dict[int, int]) -> float:
    return sum(count * math.exp(-size / RATE) for size, count in kinds.items())


def interval(run: Run) -> tuple[float, float]:
    return estimate.interval(run.estimated_bytes, run.variance, run.skewness, run.seen_bytes)


def coverage(kinds: dict[int, int], seed: int) -> float:
    """Return the coverage among the runs that have a sample, because a site without samples is not listed."""
    listed = [run for run in run_workload(kinds, (RATE,), runs=SEEDS, seed=seed) if run.samples]
    held = 0
    for run in listed:
        low, high = interval(run)
        assert run.seen_bytes <= low <= run.estimated_bytes <= high
        held += low <= run.bytes <= high
    return held / len(listed)


ENOUGH = {
    "16 B, 10 samples": {16: 2_570},
    "600 B, 10 samples": {600: 74},
    "600 B, 40 samples": {600: 293},
    "600 B, 400 samples": {600: 2_930},
    "half a rate, 40 blocks": {2 * KB: 40},
    "a rate, 40 blocks": {4 * KB: 40},
    "three decades": {16: 1_000, 160: 150, 1600: 20},
    "small ones and one of certainty": {64: 1_280, 400 * KB: 1},
    "small ones and some of three rates": {64: 1_280, 12 * KB: 5},
}


@pytest.mark.parametrize("kinds", ENOUGH.values(), ids=ENOUGH)
def test_with_ten_samples_the_interval_covers_93_to_97_percent(kinds: dict[int, int]) -> None:
    assert expected_samples(kinds) >= 10
    assert expected_unsampled(kinds) >= 5
    assert 0.93 <= coverage(kinds, seed=1) <= 0.97


FEW = {
    "16 B, 3 samples": {16: 770},
    "600 B, 3 samples": {600: 22},
    "600 B, 5 samples": {600: 37},
    "600 B, 7 samples": {600: 51},
    "600 B, 9 samples": {600: 66},
    "two decades, 4 samples": {16: 200, 160: 40, 1600: 5},
    "a rate, 6 blocks": {4 * KB: 6},
    "two rates, 12 blocks": {8 * KB: 12},
    "three rates, 20 blocks": {12 * KB: 20},
    "four rates, 20 blocks": {16 * KB: 20},
}


@pytest.mark.parametrize("kinds", FEW.values(), ids=FEW)
def test_with_fewer_it_covers_90_percent_at_least(kinds: dict[int, int]) -> None:
    assert expected_samples(kinds) < 10 or expected_unsampled(kinds) < 5
    assert coverage(kinds, seed=2) >= 0.90


def test_where_every_block_is_certain_the_interval_has_no_width() -> None:
    for run in run_workload({100 * MB: 3}, (512 * KB,), runs=20, seed=3):
        assert interval(run) == (300 * MB, 300 * MB)


def test_the_width_goes_to_zero_with_certainty() -> None:
    widths = []
    for rates in (1, 3, 6, 12, 24):
        run = run_workload({rates * RATE: 10}, (RATE,), seed=4)[0]
        low, high = interval(run)
        widths.append((high - low) / run.bytes)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 1e-3
