import sys
import threading

import spprof.memprof as memprof
from blocks import Family, allocate_blocks, free_blocks, live_sizes, pointers

NATIVE, *FAMILIES = sys.argv[1:]


def in_thread(*call):
    thread = threading.Thread(target=call[0], args=call[1:])
    thread.start()
    thread.join()


def held(size):
    return sum(live_sizes(memprof.get_snapshot(), "allocate_blocks", size, size).values())


for number, name in enumerate(FAMILIES):
    family = Family(name)
    for rate_kb in (0, 1):
        for size in (200, 700, 70_000):
            size += number
            blocks = pointers(500)
            memprof.start(rate_kb, seed=7, native=NATIVE)
            allocate_blocks(family, blocks, size)
            assert held(size) == 500 if rate_kb == 0 else held(size) > 0, (name, size)
            in_thread(free_blocks, family, blocks)
            assert held(size) == 0, (name, size)
            in_thread(allocate_blocks, family, blocks, size)
            assert held(size) > 0, (name, size)
            memprof.stop()
            free_blocks(family, blocks)
            assert held(size) == 0, (name, size)
stats = memprof.get_stats()
assert stats.collisions == 0 and not any(stats.dropped_samples.values()), stats
