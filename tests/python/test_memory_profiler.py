"""The contract of `spprof.memprof.MemoryProfiler`, tested on the real engine."""

from __future__ import annotations

from child import Child
from preludes import OF_MEMORY as PRELUDE
from specimens import specimen


def test_a_block_shows_only_what_it_allocated(child: Child):
    child.run(specimen("memory_profiler/a_block_shows_only_what_it_allocated"))


def test_the_allocated_totals_of_a_block_are_its_own(child: Child):
    child.run(specimen("memory_profiler/the_allocated_totals_of_a_block_are_its_own"))


def test_a_block_that_raises_has_its_snapshot_too(child: Child):
    child.run(specimen("memory_profiler/a_block_that_raises_has_its_snapshot_too"))


def test_one_profiler_serves_one_block_after_the_other(child: Child):
    child.run(
        PRELUDE
        + """
profiler = memprof.MemoryProfiler(0)
kept = []
for number in range(3):
    with profiler:
        kept.append(bytearray(1_000_100 + number))
    assert lengths(profiler.snapshot) == [1_000_100 + number]
"""
    )


def test_stopping_inside_a_block_is_no_error_at_its_end(child: Child):
    child.run(
        PRELUDE
        + """
with memprof.MemoryProfiler(0) as profiler:
    held = bytearray(1_000_100)
    memprof.stop()
assert lengths(profiler.snapshot) == [1_000_100]
"""
    )
