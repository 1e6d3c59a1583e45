"""Full tables distort no number: totals stay exact, memory stays bounded, and 95 % intervals keep their coverage.

``bench/soak.py`` is the long version. Seeds are fixed, and bounds are six standard errors wide: fewer than one seed in
a million would fail.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from full_tables import Estimate, Judgement, Run, judge, run_full_tables, run_soak, shrunk, spread

STACKS_MAX = 2621
STANDARD_ERRORS = 6
ARENA_CHUNK = 256 * 1024  # src/base/arena.h
BEFORE, AFTER, SEEDS = 150, 150, range(1, 8)


def program(name: str) -> Path:
    build = os.environ.get("SPPROF_BUILD_DIR")
    if not build:
        pytest.fail("SPPROF_BUILD_DIR must name a build folder made with -Dtests=true; make test sets it")
    return Path(build, "tests", "accuracy", name)


# ---- The long run


def test_a_table_of_256_takes_100000_new_stacks_with_exact_totals_and_bounded_memory() -> None:
    *rows, last = run_soak(program("soak"), shrunk(100, stacks_max=256), stacks=100_000, medium=200)
    assert [row.new_stacks for row in rows] == [10_000 * (step + 1) for step in range(10)]
    assert all(row.stacks <= row.stacks_max == 256 for row in rows)
    assert last.evicted > 90_000
    assert last.unkept_samples == 0
    assert spread(row.mapped_bytes for row in rows[1:]) <= 0.03
    for one in (last.heap, last.line):
        assert abs(one.bytes - one.truth) <= STANDARD_ERRORS * math.sqrt(one.variance)


def test_eight_threads_that_leave_no_time_to_evict_lose_nothing_either() -> None:
    *rows, last = run_soak(program("soak"), shrunk(100, stacks_max=256), stacks=100_000, medium=50, threads=8)
    assert last.evicted > 0
    assert max(row.mapped_bytes for row in rows) <= rows[0].mapped_bytes + 4 * ARENA_CHUNK
    assert abs(last.heap.bytes - last.heap.truth) <= STANDARD_ERRORS * math.sqrt(last.heap.variance)


# ---- Many short runs


def is_right(found: Judgement) -> bool:
    allowed = STANDARD_ERRORS * math.sqrt(0.95 * 0.05 / found.runs)
    return abs(found.coverage - 0.95) <= allowed and abs(found.mean_error) <= STANDARD_ERRORS


def halves(held: int) -> tuple[list[Run], list[Run]]:
    maxima = shrunk(100, stacks_max=STACKS_MAX)
    runs = run_full_tables(program("full_tables"), maxima, SEEDS, before=BEFORE, after=AFTER, held=held)
    before, after = [run for run in runs if not run.is_after], [run for run in runs if run.is_after]
    assert len(before) == BEFORE * len(SEEDS)
    assert len(after) == AFTER * len(SEEDS)
    return before, after


@pytest.mark.parametrize("held", [0, 1000], ids=["all may leave", "1000 are held"])
def test_intervals_hold_the_truth_before_and_after_the_table_has_filled(held: int) -> None:
    before, after = halves(held)
    assert max(run.evicted + run.unkept_samples for run in before) == 0
    assert min(run.evicted for run in after) > STACKS_MAX
    for runs in (before, after):
        assert is_right(judge([run.heap for run in runs], Estimate.heap_interval))
        assert is_right(judge([run.allocated for run in runs], Estimate.heap_interval))
        line = judge([run.line for run in runs], Estimate.interval)
        assert line.samples >= 20
        assert is_right(line)


def test_where_every_stack_is_held_the_whole_heap_stays_right() -> None:
    _, after = halves(held=STACKS_MAX + 100)
    assert min(run.stacks for run in after) == STACKS_MAX
    assert after[1].unkept_samples - after[0].unkept_samples > 100
    assert is_right(judge([run.heap for run in after], Estimate.heap_interval))
    assert is_right(judge([run.allocated for run in after], Estimate.heap_interval))
