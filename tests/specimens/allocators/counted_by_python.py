import sys

import spprof.memprof as memprof
from blocks import Family, allocate_blocks, free_blocks, pointers

NATIVE = sys.argv[1]


def use(rate_kb):
    memprof.start(rate_kb, seed=1, native=NATIVE)
    for size in (40, 500, 600):
        allocate_blocks(family, blocks, size)
        free_blocks(family, blocks)
    memprof.stop()


family = Family("obj")
blocks = pointers(20_000)
use(0)
sys._debugmallocstats()
before = sys.getallocatedblocks()
for rate_kb in (0, 1, 0):
    use(rate_kb)
drift = sys.getallocatedblocks() - before
assert abs(drift) < 200, drift  # out of 180,000 allocations
memprof.start(0, native=NATIVE)
allocate_blocks(family, blocks, 40)
counted = sys.getallocatedblocks() - before
assert abs(counted - 20_000) < 200, counted
sys._debugmallocstats()
