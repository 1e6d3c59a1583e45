import sys
import time

import spprof
import spprof.memprof as memprof
from spent import check_seconds, check_total, in_threads

KEPT = 200


def allocate():
    kept = [bytearray(60_000) for _ in range(KEPT)]
    end = time.thread_time() + 0.5
    while time.thread_time() < end:
        [bytearray(1000) for _ in range(50)]
        [[] for _ in range(100)]
    held.append(kept)


held = []
memprof.start(64)
spprof.start(interval_ms=1, native=sys.argv[1] == "native")
used = time.process_time()
in_threads(4, allocate)
used = time.process_time() - used
profile = spprof.stop()
snapshot = memprof.get_snapshot()
memprof.stop()
check_total(profile, used)
check_seconds(profile, "allocate", 2, times=8)
assert set(profile.dropped) and sum(profile.dropped.values()) == profile.dropped["in_engine"], profile.dropped
kept = 4 * KEPT * 60_000
site = snapshot.top_allocators(1)[0]
assert abs(site["estimated_bytes"] - kept) < 0.3 * kept, site
stats = memprof.get_stats()
assert not any(stats.dropped_samples.values()), stats
assert stats.total_samples == stats.live_samples + stats.freed_samples, stats
