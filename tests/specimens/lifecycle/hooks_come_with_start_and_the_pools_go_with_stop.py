import sys

import spprof.memprof as memprof

from hooks import hooks, threads

NATIVE = sys.argv[1]
RAW, MEM, OBJ = range(3)
before = hooks()
for _ in range(3):
    memprof.start(1, native=NATIVE)
    during = hooks()
    assert during[MEM] != before[MEM] and during[OBJ] != before[OBJ]
    assert (during[RAW] == before[RAW]) is (NATIVE != "off")
    assert during[OBJ][4] == before[OBJ][4], "no hook on the pools' free"
    assert threads() == 1
    memprof.stop()
    assert hooks()[MEM:] == before[MEM:]
memprof.shutdown()
assert hooks() == before
