import sys

import spprof.memprof as memprof
from spprof import _engine
from unloaded import Library, expect_leaf, stacks

ONE, TWO = sys.argv[1:]
memprof.start(0)
one = Library(ONE, "one")
place = one.address()
one.outer(30001)
one.unload()
two = Library(TWO, "two")
assert two.address() == place
two.outer(30002)
expect_leaf(stacks(), 30001, "one")
expect_leaf(stacks(), 30002, "two")

# When the library is back at its old address, it has its old names.
two.unload()
one = Library(ONE, "one")
assert one.address() == place
one.outer(30003)
for size, name in (30001, "one"), (30002, "two"), (30003, "one"):
    expect_leaf(stacks(), size, name)

modules = [module for module in _engine.modules() if module[4] in (ONE, TWO)]
assert [(module[3], module[4]) for module in modules] == [(0, ONE), (1, TWO)], modules
assert modules[0][0] == modules[1][0] and modules[0][5] != modules[1][5], modules
