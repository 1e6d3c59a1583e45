import sys
import tracemalloc

import spprof.memprof as memprof
from blocks import Family, allocate_blocks, free_blocks, live, pointers

NATIVE, DISPLACED = sys.argv[1], int(sys.argv[2])


def held():
    return live(memprof.get_snapshot(), "allocate_blocks", 4000, 4000)[1], live(
        memprof.get_snapshot(), "allocate_blocks", 40, 40
    )[1]


families = [Family(name) for name in ("raw", "mem", "obj")]
tracemalloc.start()
memprof.start(0, native=NATIVE)
tracemalloc.stop()  # restores the hooks from its own start, so ours are gone
blocks = [(family, pointers(100), size) for family in families for size in (40, 4000)]
for family, block, size in blocks:
    allocate_blocks(family, block, size)
# Taking the snapshot reinstalls our hooks; malloc's own hook was never displaced.
assert held() == ((0, 0) if DISPLACED == 3 else (300, 100)), held()
displaced = memprof.get_stats().dropped_samples["hook_displaced"]
assert displaced == DISPLACED, displaced
for family, block, size in blocks:
    free_blocks(family, block)
    allocate_blocks(family, block, size)
assert held() == (300, 300), held()
for family, block, size in blocks:
    free_blocks(family, block)
assert held() == (0, 0), held()
memprof.stop()
memprof.start(0, native=NATIVE)
memprof.get_snapshot()
assert memprof.get_stats().dropped_samples["hook_displaced"] == displaced  # nothing new
