from blocks import free_blocks
from many_blocks import COUNT, SIZE, assert_nothing_dropped, blocks, counted, family, hold, memprof

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
