import json
import os
import sys

import spprof.memprof as memprof
from blocks import Family, allocate_blocks, allocated, free_blocks, live, pointers, resize_blocks

NATIVE = sys.argv[1]


results = []
for name in ("mem", "obj"):
    family = Family(name)
    blocks = pointers(int(os.environ["COUNT"]))
    with memprof.MemoryProfiler(1, seed=1, native=NATIVE) as profiler:
        allocate_blocks(family, blocks, 24)
        for size in json.loads(os.environ["STEPS"]):
            resize_blocks(family, blocks, size)
    ever = allocated(profiler.snapshot, "resize_blocks")
    held = live(profiler.snapshot, "resize_blocks", size, size)
    free_blocks(family, blocks)
    assert live(memprof.get_snapshot(), "resize_blocks", size, size) == (0, 0)
    results.append([*ever, *held])
stats = memprof.get_stats()
assert stats.collisions == 0 and not any(stats.dropped_samples.values()), stats
print(json.dumps(results))
