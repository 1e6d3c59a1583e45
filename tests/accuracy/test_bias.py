"""Estimates are unbiased: the mean over seeded runs is within 4 standard errors of the true value, each at most 0.25 %.

The standard error is computed from the sizes, not from the runs: a block of s bytes sampled with p = 1 - exp(-s/R) adds
s² (1-p)/p to the variance of the bytes and (1-p)/p to that of the objects. Seeds are fixed, so a test that passes once
always passes. Where threads race, the test states the rate of false alarms.
"""

from __future__ import annotations

import math
from statistics import fmean, stdev

import pytest
from conftest import Run, run_workload

KB, MB = 1024, 1024 * 1024
STANDARD_ERROR_MAX = 0.0025
TIMES = 4


def unseen_odds(size: int, rate: int) -> float:
    """Return (1-p)/p, one block's contribution to the variance of the objects."""
    return math.exp(-size / rate) / -math.expm1(-size / rate)


def bytes_variance(kinds: dict[int, int], rate: int) -> float:
    return sum(count * size**2 * unseen_odds(size, rate) for size, count in kinds.items())


def objects_variance(kinds: dict[int, int], rate: int) -> float:
    return sum(count * unseen_odds(size, rate) for size, count in kinds.items())


def judge(estimates: list[float], truth: float, variance: float, what: str) -> None:
    """Check the mean of the estimates. ``variance`` is that of one run."""
    error = math.sqrt(variance / len(estimates))
    assert error <= STANDARD_ERROR_MAX * truth, f"{what}: too few runs to say anything: {error / truth:.4%}"
    off = fmean(estimates) - truth
    assert abs(off) <= TIMES * error + truth * 1e-9, f"{what}: {off / truth:+.3%} off, {off / (error or 1):+.1f} errors"


def judge_all(runs: list[Run], kinds: dict[int, int], rounds: int, rate: int, keep: int) -> None:
    """Compare bytes and objects, allocated and live, with the workload's own counts."""
    of_bytes, of_objects = rounds * bytes_variance(kinds, rate), rounds * objects_variance(kinds, rate)
    first = runs[0]
    assert first.bytes == rounds * sum(size * count for size, count in kinds.items())
    assert first.kept_objects == pytest.approx(first.objects / keep, abs=1)
    assert all(run[:4] == first[:4] for run in runs), "every run does the same"
    judge([run.estimated_bytes for run in runs], first.bytes, of_bytes, "allocated bytes")
    judge([run.estimated_objects for run in runs], first.objects, of_objects, "allocated objects")
    judge([run.estimated_live_bytes for run in runs], first.kept_bytes, of_bytes / keep, "live bytes")
    judge([run.estimated_live_objects for run in runs], first.kept_objects, of_objects / keep, "live objects")


UNIFORM = {  # size: (rate, blocks per round, rounds per run)
    16: (4 * KB, 500_000, 12),
    600: (64 * KB, 100_000, 24),
    64 * KB: (512 * KB, 100_000, 2),
    512 * KB: (512 * KB, 20_000, 1),
    2 * MB: (512 * KB, 1_000, 1),
    100 * MB: (512 * KB, 100, 1),
}
RUNS = 16


@pytest.mark.parametrize("size", UNIFORM, ids=["16 B", "600 B", "64 KB", "512 KB", "2 MB", "100 MB"])
def test_blocks_of_one_size(size: int) -> None:
    rate, count, rounds = UNIFORM[size]
    runs = run_workload({size: count}, (rate,), runs=RUNS, rounds=rounds, keep=2, seed=size)
    judge_all(runs, {size: count}, rounds, rate, keep=2)


MIX = {16: 200_000, 600: 20_000, 64 * KB: 200, 512 * KB: 30, 2 * MB: 20, 100 * MB: 1}


def test_a_mix_of_all_sizes() -> None:
    runs = run_workload(MIX, (2 * KB,), runs=RUNS, rounds=8, keep=1, seed=2)
    judge_all(runs, MIX, 8, 2 * KB, keep=1)


@pytest.mark.parametrize("threads", [0, 8])
def test_runs_differ_by_as_much_as_the_formula_says(threads: int) -> None:
    """Too small a difference would mean that runs repeat one another; too large, that blocks or threads are not
    independent.
    """
    kinds, workers = {600: 2_500, 64 * KB: 12}, threads or 1
    runs = run_workload(kinds, (64 * KB,), runs=400, rounds=8 // workers, threads=threads, seed=3)
    expected = math.sqrt(8 * bytes_variance(kinds, 64 * KB))
    relative_error = 1 / math.sqrt(2 * len(runs))  # of a standard deviation estimated from this many runs
    assert stdev(run.estimated_bytes for run in runs) == pytest.approx(expected, rel=TIMES * relative_error)
    assert fmean(run.variance for run in runs) == pytest.approx(expected**2, rel=0.02)


def test_blocks_of_certainty_are_counted_exactly() -> None:
    (run,) = run_workload({100 * MB: 7}, (512 * KB,), seed=4)
    assert run.estimated_bytes == 700 * MB
    assert run.estimated_objects == 7
    assert run.variance == 0.0


def test_eight_threads() -> None:
    kinds = {16: 10_000, 600: 1_000, 64 * KB: 4}
    runs = run_workload(kinds, (2 * KB,), runs=8, rounds=70, keep=2, threads=8, seed=5)
    judge_all(runs, {size: 8 * count for size, count in kinds.items()}, 70, 2 * KB, keep=2)


def test_a_hundred_thousand_short_threads() -> None:
    """Allocations before a thread's first draw and after its last also count: 7 KB per thread, eight at a time."""
    runs = run_workload({600: 12}, (4 * KB,), threads=100_000, batch=8, seed=6)
    judge_all(runs, {600: 12 * 100_000}, 1, 4 * KB, keep=1)


def phases_variance(kinds: dict[int, int], rates: tuple[int, ...], phases: int) -> tuple[float, float]:
    used = [rates[phase % len(rates)] for phase in range(phases)]
    return sum(bytes_variance(kinds, rate) for rate in used), sum(objects_variance(kinds, rate) for rate in used)


@pytest.mark.parametrize("threads", [0, 8])
def test_live_blocks_over_mixed_rates(threads: int) -> None:
    """Phases are so short that a countdown left over from another rate would show: 120 KB at rates up to 64 KB."""
    rates, phases, kinds = (64 * KB, 512, 8 * KB), 300, {600: 200}
    runs = run_workload(kinds, rates, runs=28 if threads else 224, phases=phases, keep=2, threads=threads, seed=7)
    of_bytes, of_objects = phases_variance({600: 200 * max(threads, 1)}, rates, phases)
    first = runs[0]
    judge([run.estimated_bytes for run in runs], first.bytes, of_bytes, "allocated bytes")
    judge([run.estimated_objects for run in runs], first.objects, of_objects, "allocated objects")
    judge([run.estimated_live_bytes for run in runs], first.kept_bytes, of_bytes / 2, "live bytes")
    judge([run.estimated_live_objects for run in runs], first.kept_objects, of_objects / 2, "live objects")


def test_a_rate_switched_while_threads_allocate() -> None:
    """Switching the rate while threads allocate leaves the estimates unbiased. Threads race with the restarts, so the
    tolerance is 6.5 standard errors, a false alarm in 10¹⁰.

    A block during which a restart happened has no true value (it may fall into the gap) and is left out. Sampled
    allocations take longer, so most of the omitted blocks are samples. Each may lower the estimate by about the highest
    rate.
    """
    rates = (64 * KB, 16 * KB, 32 * KB)
    (run,) = run_workload({600: 1000}, rates, threads=4, switches=40, rounds=400, seed=8)
    error = math.sqrt(run.variance)
    assert error <= STANDARD_ERROR_MAX * run.kept_bytes
    assert run.left_out <= 4 * 40
    assert abs(run.estimated_live_bytes - run.kept_bytes) <= 6.5 * error + run.left_out * (max(rates) + 600)
    of_objects = abs(run.estimated_live_objects - run.kept_objects)
    assert of_objects <= 6.5 * error / 600 + run.left_out * (max(rates) / 600 + 1)
