"""Many live samples at once, counted to the last one: nothing dropped, nothing left, memory in proportion."""

from __future__ import annotations

from child import Child
from native import blocks_environment

PREAMBLE = """
import spprof.memprof as memprof
from blocks import *
from spprof import _engine

COUNT, SIZE = 150_000, 2000
family, blocks = Family("malloc"), pointers(COUNT)

def hold():
    allocate_blocks(family, blocks, SIZE)

def counted():
    return live_sizes(memprof.get_snapshot(), "allocate_blocks", SIZE, SIZE)

def assert_nothing_dropped():
    stats = memprof.get_stats()
    assert not any(stats.dropped_samples.values()), stats
    assert stats.total_samples == stats.live_samples + stats.freed_samples, stats
"""


def test_each_of_many_blocks_is_listed_once_and_gone_when_freed(child: Child) -> None:
    child.run(
        f"""{PREAMBLE}
memprof.start(0)
hold()
memprof.stop()
snapshot = memprof.get_snapshot()
assert counted() == {{(SIZE, 0): COUNT}}, counted()
assert live(snapshot, "allocate_blocks", SIZE, SIZE) == (COUNT * SIZE, COUNT)
assert snapshot.live_samples == len(list(snapshot.records()))
assert COUNT <= memprof.get_stats().live_samples <= snapshot.live_samples  # the calls' own objects may be freed since
assert len({{record[0] for record in snapshot.records()}}) == snapshot.live_samples
free_blocks(family, blocks)
assert not counted(), counted()
assert_nothing_dropped()
""",
        preload=True,
        environment=blocks_environment(child.folder),
    )


def test_the_estimate_of_a_heap_of_many_samples_lies_in_its_interval(child: Child) -> None:
    child.run(
        f"""{PREAMBLE}
memprof.start(1, seed=2026)
hold()
memprof.stop()
top = memprof.get_snapshot().top_allocators(1)[0]
assert top["function"] == "allocate_blocks", top
assert top["sample_count"] > 100_000, top
assert top["low_bytes"] <= COUNT * SIZE <= top["high_bytes"], top
assert top["high_bytes"] - top["low_bytes"] < 0.01 * COUNT * SIZE, top
free_blocks(family, blocks)
assert not counted(), counted()
assert_nothing_dropped()
""",
        preload=True,
        environment=blocks_environment(child.folder),
    )


def test_the_engine_maps_memory_in_proportion_to_what_is_live_at_once(child: Child) -> None:
    """A slot takes 48 bytes and 3/8 to 3/4 of the slots are full; what the filter outgrew stays mapped."""
    child.run(
        f"""{PREAMBLE}
memprof.start(0)
mapped = [_engine.stats()["mapped_bytes"]]
for _ in range(3):
    hold()
    mapped.append(_engine.stats()["mapped_bytes"])
    free_blocks(family, blocks)
memprof.stop()
assert 48 * COUNT < mapped[1] - mapped[0] < (48 / (3 / 8) + 2 * 64) * COUNT, mapped
assert mapped[3] <= mapped[1] + 2**20, mapped
assert not counted(), counted()
assert_nothing_dropped()
""",
        preload=True,
        environment=blocks_environment(child.folder),
    )
