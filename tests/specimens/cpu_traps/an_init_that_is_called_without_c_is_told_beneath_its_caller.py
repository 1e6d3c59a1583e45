import time

import spprof
from spent import check_seconds, names, spend, until_sampled


class Made:
    def __init__(self):
        for _ in range(2000):
            pass


def making():
    end = time.thread_time() + 0.3
    while time.thread_time() < end:
        Made()
    spend(0.02)


spprof.start(interval_ms=1)
times = until_sampled(20, making)
profile = spprof.stop()
check_seconds(profile, "making", 0.32 * times, times)
inside = [sample for sample in profile.samples if "__init__" in names(sample)]
assert len(inside) > 10
for sample in inside:
    assert names(sample) == ["__init__", "making", "until_sampled", "<module>"], sample
