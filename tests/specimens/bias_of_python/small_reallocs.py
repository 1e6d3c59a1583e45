"""Reallocs to a small size, each from a block of a different size: what does a snapshot report about the caller?

Blocks stay in place, move between pools, and move between pools and malloc; there are enough to require new arenas.
"""

import json
import os

import spprof.memprof as memprof
from blocks import Family, allocate_blocks, allocated, free_blocks, live, pointers, resize_blocks


def run(family, old, new, count, rate_kb, seed):
    blocks = pointers(count)
    if seed % 8 == 0:  # some of them are samples
        memprof.start(rate_kb, seed=seed)
    allocate_blocks(family, blocks, old)
    if seed % 8 == 0:
        memprof.stop()
    with memprof.MemoryProfiler(rate_kb, seed=seed) as profiler:
        resize_blocks(family, blocks, new)
        free_blocks(family, blocks, 2)
    left = live(profiler.snapshot, "allocate_blocks", old, old)
    assert left == (0, 0), f"what was reallocated is still listed: {left}"
    free_blocks(family, blocks)
    return [*allocated(profiler.snapshot, "resize_blocks"), *live(profiler.snapshot, "resize_blocks")]


domain, cases = json.loads(os.environ["CASES"])
family = Family(domain)
results = [[run(family, *case[:4], seed) for seed in range(case[4])] for case in cases]
stats = memprof.get_stats()
assert not any(stats.dropped_samples.values()) and stats.collisions == 0, stats
print(json.dumps(results))
