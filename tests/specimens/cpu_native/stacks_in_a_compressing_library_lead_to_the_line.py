import os
import time
import zlib

import spprof
from spent import check_seconds, names, spend, until_sampled


def compressing():
    end = time.thread_time() + 0.3
    while time.thread_time() < end:
        zlib.compress(os.urandom(1000) * 200, 9)
    spend(0.02)


spprof.start(interval_ms=1, native=True)
times = until_sampled(40, compressing)
profile = spprof.stop()
check_seconds(profile, "compressing", 0.32 * times, times)
for sample in profile.samples:
    if "compressing" in names(sample):
        assert names(sample)[-3:] == ["compressing", "until_sampled", "<module>"], sample
inside = [sample for sample in profile.samples if not sample.frames[0].is_python]
assert len(inside) > len(profile.samples) / 2, profile
