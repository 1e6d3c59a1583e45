import json
import os

import spprof.memprof as memprof
from blocks import Family, allocate_blocks, allocated, free_blocks, live, pointers


def run(family, size, count, rate_kb, seed):
    blocks = pointers(count)
    with memprof.MemoryProfiler(rate_kb, seed=seed) as profiler:
        allocate_blocks(family, blocks, size)
        free_blocks(family, blocks, 2)
    free_blocks(family, blocks)
    return [*allocated(profiler.snapshot, "allocate_blocks"), *live(profiler.snapshot, "allocate_blocks")]


domain, cases = json.loads(os.environ["CASES"])
family = Family(domain)
results = [[run(family, *case[:3], seed) for seed in range(case[3])] for case in cases]
stats = memprof.get_stats()
assert not any(stats.dropped_samples.values()) and stats.collisions == 0, stats
print(json.dumps(results))
