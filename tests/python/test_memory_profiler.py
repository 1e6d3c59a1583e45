"""What `spprof.memprof.MemoryProfiler` promises, on the real engine."""

from __future__ import annotations

from child import Child
from preludes import OF_MEMORY as PRELUDE


def test_a_block_shows_only_what_it_allocated(child: Child):
    child.run(
        PRELUDE
        + """
memprof.start(0)
earlier = bytearray(1_000_100)
memprof.stop()
before = memprof.get_stats().total_samples
with memprof.MemoryProfiler(0) as profiler:
    assert memprof.is_active()
    inside, gone = bytearray(1_000_200), bytearray(1_000_300)
    del gone
assert not memprof.is_active()
later = bytearray(1_000_400)
del inside
snapshot = profiler.snapshot
assert sizes(snapshot) == [1_000_201]
assert before > 0
assert 2 <= snapshot.total_samples <= memprof.get_stats().total_samples - before
assert 1_000_201 <= snapshot.estimated_heap_bytes < 1_010_000
assert sizes(memprof.get_snapshot()) == [1_000_101]
"""
    )


def test_the_allocated_totals_of_a_block_are_its_own(child: Child):
    child.run(
        PRELUDE
        + """
import json
from pathlib import Path
def hold():
    return bytearray(1_000_100)
with memprof.MemoryProfiler(0) as first:
    for _ in range(5): hold()
with memprof.MemoryProfiler(0) as second:
    for _ in range(2): hold()
def allocated(snapshot):
    snapshot.save("profile.json")
    document = json.load(open("profile.json"))
    names = [frame["name"] for frame in document["shared"]["frames"]]
    profile = document["profiles"][2]
    held = [w for s, w in zip(profile["samples"], profile["weights"]) if "hold" in [names[i] for i in s]]
    return sum(held) // 100_000
assert (allocated(first.snapshot), allocated(second.snapshot)) == (50, 20)
assert allocated(memprof.get_snapshot()) == 70
"""
    )


def test_a_block_that_raises_has_its_snapshot_too(child: Child):
    child.run(
        PRELUDE
        + """
profiler = memprof.MemoryProfiler(0)
try:
    with profiler:
        held = bytearray(1_000_100)
        raise KeyError("mine")
except KeyError as error:
    assert error.args == ("mine",)
else:
    raise AssertionError("the block's exception was swallowed")
assert sizes(profiler.snapshot) == [1_000_101]
assert not memprof.is_active()
"""
    )


def test_one_profiler_serves_one_block_after_the_other(child: Child):
    child.run(
        PRELUDE
        + """
profiler = memprof.MemoryProfiler(0)
kept = []
for number in range(3):
    with profiler:
        kept.append(bytearray(1_000_100 + number))
    assert sizes(profiler.snapshot) == [1_000_101 + number]
"""
    )


def test_stopping_inside_a_block_is_no_error_at_its_end(child: Child):
    child.run(
        PRELUDE
        + """
with memprof.MemoryProfiler(0) as profiler:
    held = bytearray(1_000_100)
    memprof.stop()
assert sizes(profiler.snapshot) == [1_000_101]
"""
    )
