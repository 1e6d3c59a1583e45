import sys

import spprof.memprof as memprof
from blocks import Family, live_sizes

NATIVE = sys.argv[1]


def first():
    return family.malloc(4321)


family = Family("malloc")
memprof.start(0, native=NATIVE)
for size in (0, 2**62):  # the first frees, the second fails and changes nothing
    block = first()
    assert live_sizes(memprof.get_snapshot(), "first", 4321, 4321) == {(4321, 0): 1}
    assert family.realloc(block, size) is None
    left = live_sizes(memprof.get_snapshot(), "first", 4321, 4321)
    assert left == ({(4321, 0): 1} if size else {}), (size, left)
family.free(block)
assert not live_sizes(memprof.get_snapshot(), "first", 4321, 4321)
