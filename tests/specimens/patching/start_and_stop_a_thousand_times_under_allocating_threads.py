import sys

import spprof.memprof as memprof
from patched_library import load, sizes

library = load(sys.argv[1])
library.start_churning()
for _ in range(1000):
    memprof.start(64)
    memprof.stop()
memprof.start(0)
block = library.by_call(22222)
library.end_churning()
assert sizes() == [22222], sizes()
memprof.stop()
stats = memprof.get_stats()
assert stats.total_samples == stats.live_samples + stats.freed_samples
churned = [s for s in memprof.get_snapshot().samples if s.size in (300, 700)]
assert not churned, len(churned)
