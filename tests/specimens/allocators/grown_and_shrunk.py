import itertools
import sys

import spprof.memprof as memprof
from blocks import Family

NATIVE = sys.argv[1]


def first(size):
    block = family.malloc(size)
    assert block
    return block


def first_zeroed(size):
    block = family.calloc(1, size)
    assert block
    return block


def resized(block, size):
    block = family.realloc(block, size)
    assert block
    return block


def held():
    snapshot = memprof.get_snapshot()
    watched = [(record[1], record[6]) for record in snapshot.records() if record[1] in WATCHED]
    here = ("first", "first_zeroed", "resized")
    return [size for size, stack_id in watched if snapshot.site_key(stack_id).function in here]


# Sizes that the calls themselves do not request.
WATCHED = {101, 333, 487, 3333, 50001}
for name in ("raw", "mem", "obj"):
    family = Family(name)
    assert held() == [] if memprof.is_active() else memprof.start(0, native=NATIVE) is None
    for start in (first, first_zeroed):
        for sizes in itertools.product([101, 487, 50001], [333, 3333], [101, 50001]):
            block = start(sizes[0])
            assert held() == [sizes[0]], (name, sizes, held())
            for size in sizes[1:]:
                block = resized(block, size)
                assert held() == [size], (name, sizes, size, held())
            family.free(block)
            assert held() == [], (name, sizes, held())
    block = first(101)
    moved = family.realloc(block, 0)  # Python's own functions return a block, which is not watched
    assert held() == [], name
    family.free(moved)
    block = first(101)
    memprof.stop()
    block = resized(block, 487)  # after a stop, the sample of a moved block ends
    assert held() == [], name
    family.free(block)
    memprof.start(0, native=NATIVE)
stats = memprof.get_stats()
assert stats.collisions == 0 and not any(stats.dropped_samples.values()), stats
