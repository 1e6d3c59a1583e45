import itertools
import sys
import tracemalloc

import spprof.memprof as memprof
from blocks import Family, allocate_blocks, free_blocks, live_sizes, pointers

NATIVE, ADDED = sys.argv[1], int(sys.argv[2])


def near(counts, asked):
    # A debug layer adds a multiple of 8; the tracer's own blocks have none of these sizes.
    return sum(count for (size, _), count in counts.items() if size in range(asked, asked + ADDED + 1, 8))


def held():
    counts = live_sizes(memprof.get_snapshot(), "allocate_blocks")
    return near(counts, 37), near(counts, 3701)


def check(active, where):
    blocks = [(family, pointers(50), size) for family in families for size in (37, 3701)]
    if active:
        memprof.get_snapshot()  # detects the displaced hooks
        before = held()
    for family, block, size in blocks:
        allocate_blocks(family, block, size)
    if active:
        assert held() == (before[0] + 150, before[1] + 150), (where, before, held())
    for family, block, _ in blocks:
        free_blocks(family, block)
    if active:
        assert held() == before, (where, before, held())


families = [Family(name) for name in ("raw", "mem", "obj")]
calls = {
    "profiler on": lambda: memprof.start(0, native=NATIVE),
    "profiler off": memprof.stop,
    "tracer on": tracemalloc.start,
    "tracer off": tracemalloc.stop,
}
orders = [
    order
    for order in itertools.permutations(calls)
    if order.index("profiler on") < order.index("profiler off") and order.index("tracer on") < order.index("tracer off")
]
assert len(orders) == 6
for order in orders:
    for step in order:
        calls[step]()
        check(memprof.is_active(), (order, step))
memprof.start(0, native=NATIVE)
check(True, "at the end")
tracemalloc.start()
memprof.shutdown()
check(False, "after shutdown")
tracemalloc.stop()
check(False, "and without the tracer")
