"""A child's snapshot reports how much existed before the fork. Its parent's snapshot shows nothing as inherited."""

import os

import spprof.memprof as memprof

MIB = 1 << 20

memprof.start(0)
before = bytearray(MIB)
held = memprof.get_snapshot().estimated_heap_bytes
assert memprof.get_snapshot().inherited_bytes == 0
pid = os.fork()
after = bytearray(3 * MIB)
taken = memprof.get_snapshot()
if pid:
    assert os.waitpid(pid, 0)[1] == 0
    assert taken.inherited_bytes == 0
    assert "inherited by fork" not in str(taken)
else:
    assert MIB <= taken.inherited_bytes <= held + MIB
    assert taken.estimated_heap_bytes >= taken.inherited_bytes + 3 * MIB
    assert "inherited by fork" in str(taken)
    del before
    assert memprof.get_snapshot().inherited_bytes <= held
