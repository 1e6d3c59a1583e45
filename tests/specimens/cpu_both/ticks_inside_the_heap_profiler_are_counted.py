import time

import spprof
import spprof.memprof as memprof
from spent import check_seconds, drops


def allocate():
    end = time.thread_time() + 1
    while time.thread_time() < end:
        [bytearray(1000) for _ in range(50)]


memprof.start(0)
spprof.start(interval_ms=1)
times = 0
while times == 0 or (drops()["in_engine"] <= 5 and times < 20):
    allocate()
    times += 1
profile = spprof.stop()
lost = drops()
memprof.stop()
assert lost["in_engine"] > 5, lost
assert sum(lost.values()) == lost["in_engine"], lost
assert profile.dropped_count == lost["in_engine"]
check_seconds(profile, "allocate", times, times=3 * times)
