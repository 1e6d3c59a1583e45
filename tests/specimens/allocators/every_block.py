import json
import os
import sys

import spprof.memprof as memprof
from blocks import Family, allocate_blocks, allocated, free_blocks, live, pointers

NATIVE = sys.argv[1]


def measure(family, count, size, rate_kb, seed):
    # Return (bytes, objects) three times: with all blocks live, with half of them live, and as allocated in total.
    def now():
        return live(memprof.get_snapshot(), "allocate_blocks", size, size + added)

    blocks = pointers(count)
    before = allocated(memprof.get_snapshot(), "allocate_blocks")
    memprof.start(rate_kb, seed=seed, native=NATIVE)
    allocate_blocks(family, blocks, size)
    held = now()
    ever = allocated(memprof.get_snapshot(), "allocate_blocks")
    free_blocks(family, blocks, 2)
    half = now()
    memprof.stop()
    free_blocks(family, blocks)
    assert now() == (0, 0), "after stop, frees are followed"
    return [*held, *half, ever[0] - before[0], ever[1] - before[1]]


added = int(os.environ["ADDED"])
memprof.start(0, native=NATIVE)
memprof.stop()
results = {
    domain: [measure(Family(domain), *case) for case in cases]
    for domain, cases in json.loads(os.environ["CASES"]).items()
}
stats = memprof.get_stats()
assert stats.collisions == 0 and not any(stats.dropped_samples.values()), stats
print(json.dumps(results))
