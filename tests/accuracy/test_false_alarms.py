"""A site that did not change is reported as changed in 5 of 100 differences, as a 95 % interval should.

Two runs with the same allocations differ only in which blocks were sampled. Seeds are fixed: a share of 0.05 over 2,000
pairs has a standard error of 0.005.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from child import Child
from conftest import Run, run_workload
from spprof import estimate
from spprof.analysis.by_site import Tally
from spprof.analysis.diff import change, changes
from spprof.analysis.sites import Sums
from spprof.pprof.file import read_profile

KB = 1024
RATE = 4 * KB
PAIRS = 2000

SITES = {
    "16 B, 3 samples": {16: 770},
    "600 B, 5 samples": {600: 37},
    "600 B, 10 samples": {600: 74},
    "600 B, 40 samples": {600: 293},
    "600 B, 400 samples": {600: 2_930},
    "a rate, 40 blocks": {4 * KB: 40},
    "three decades": {16: 1_000, 160: 150, 1600: 20},
    "small ones and one of certainty": {64: 1_280, 400 * KB: 1},
}


def amount(run: Run) -> Sums:
    """Return the sums that a file from the run would contain."""
    found = Sums()
    found.fixed = round(run.estimated_live_bytes * 256)
    found.seen = run.seen_bytes
    found.variance, found.skewness = run.variance, run.skewness
    return found


def alarms(kinds: dict[int, int], seed: int) -> float:
    """Return the share of pairs of equal runs that differ significantly."""
    runs = list(map(amount, run_workload(kinds, (RATE,), runs=2 * PAIRS, seed=seed)))
    return sum(change(old, new).is_significant is True for old, new in zip(runs[::2], runs[1::2])) / PAIRS


@pytest.mark.parametrize("kinds", SITES.values(), ids=SITES)
def test_like_runs_differ_in_5_percent(kinds: dict[int, int]) -> None:
    assert 0.04 <= alarms(kinds, seed=5) <= 0.06


def poisson(mean: float) -> list[float]:
    chances = [math.exp(-mean)]
    while len(chances) < mean + 12 * math.sqrt(mean) + 30:
        chances.append(chances[-1] * mean / len(chances))
    return chances


def alarms_of_counts(mean: float) -> float:
    """Return the same share for small blocks that each represent one rate. It is computed over all pairs of counts, not
    drawn.
    """
    chances = poisson(mean)
    alarm = 0.0
    for old, chance_of_old in enumerate(chances):
        for new, chance_of_new in enumerate(chances):
            low, high = estimate.runs_difference_interval(new - old, (new, new), (old, old))
            alarm += chance_of_old * chance_of_new * (low > 0 or high < 0)
    return alarm


@pytest.mark.parametrize("mean", [2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 40])
def test_small_blocks_raise_4_to_5_alarms_in_a_hundred_from_two_expected_samples_on(mean: int) -> None:
    assert 0.041 <= alarms_of_counts(mean) <= 0.0535
    assert alarms_of_counts(1) == pytest.approx(0.014, abs=0.001)


def test_where_every_block_is_certain_there_is_no_alarm() -> None:
    assert alarms({400 * KB: 3}, seed=6) == 0.0


@pytest.mark.parametrize("counts", [(74, 150), (150, 74), (293, 350), (2_930, 3_500), (37, 0)])
def test_the_interval_of_a_change_holds_it_in_93_percent_at_least(counts: tuple[int, int]) -> None:
    truth = 600 * (counts[1] - counts[0])
    before, after = (
        list(map(amount, run_workload({600: count}, (RATE,), runs=PAIRS, seed=9 + place)))
        if count
        else [Sums()] * PAIRS
        for place, count in enumerate(counts)
    )
    held = 0
    for old, new in zip(before, after):
        ends = change(old, new).interval
        assert ends is not None
        held += ends[0] <= truth <= ends[1]
    assert held / PAIRS >= 0.93


def test_a_real_change_is_found() -> None:
    """A twofold increase at 40 samples is found, because it is six standard errors."""
    before = map(amount, run_workload({600: 293}, (RATE,), runs=200, seed=7))
    after = map(amount, run_workload({600: 586}, (RATE,), runs=200, seed=8))
    assert sum(change(old, new).is_significant is True for old, new in zip(before, after)) > 180


def test_files_of_like_runs_differ_in_5_percent(child: Child, tmp_path: Path) -> None:
    """The share holds from the allocation to the file and back, for three sites and a thousand pairs of files."""
    child.run(f"""
        from spprof.memprof import MemoryProfiler
        def small(): return [bytearray(600) for _ in range(150)]
        def medium(): return [bytearray(3000) for _ in range(40)]
        def mixed(): return [bytearray(100 * (1 + number % 30)) for number in range(100)]
        for run in range({PAIRS}):
            with MemoryProfiler({RATE // KB}, native="off", seed=1000 + run) as profiler:
                held = small(), medium(), mixed()
            profiler.snapshot.save(f"{{run}}.pb.gz")
        """)
    tallies = []
    for run in range(PAIRS):
        profile = read_profile(str(tmp_path / f"{run}.pb.gz"))
        tallies.append(Tally(profile, profile.default_index))
    significant = dict.fromkeys((3, 4, 5), 0)
    for old, new in zip(tallies[::2], tallies[1::2]):
        for key, one in changes(old, new):
            if key.line in significant:
                significant[key.line] += one.is_significant is True
    shares = [count / (PAIRS // 2) for count in significant.values()]
    assert 0.04 <= sum(shares) / 3 <= 0.06, shares
