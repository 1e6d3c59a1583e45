"""A forked child never held what its parent freed earlier. Its peak starts as the live heap at the fork, and grows."""

import os

from spprof import memprof

memprof.start(0)
freed = bytearray(50_000_000)
del freed
held = bytearray(5_000_000)
child = os.fork()
if child == 0:
    snapshot = memprof.get_snapshot()
    inherited = snapshot.peak.estimated_heap_bytes
    assert 5_000_000 < inherited < 6_000_000, inherited
    assert snapshot.peak_heap_bytes < 6_000_000
    own = bytearray(7_000_000)
    del own
    peak = memprof.get_snapshot().peak
    assert 12_000_000 < peak.estimated_heap_bytes < 13_000_000
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert memprof.get_snapshot().peak.estimated_heap_bytes > 50_000_000
memprof.stop()
