import sys
import threading
import time

import spprof
from spent import APART, burners, names

WHEN, STACK_SIZE = sys.argv[1], int(sys.argv[2])


def begin():
    assert burners.burners_start(4, 500_000_000, False, STACK_SIZE, 0) == 4


spprof.start(interval_ms=1)
if WHEN == "before":
    spprof.stop()
    begin()
earlier = time.process_time()
if WHEN == "before":
    spprof.start(interval_ms=1)
used = time.process_time()
if WHEN == "after":
    begin()
burners.burners_join()
used, at_most = time.process_time() - used, time.process_time() - earlier
profile = spprof.stop()
told, longest = {}, 0
for sample in profile.samples:
    if sample.thread_id != threading.get_native_id():
        assert names(sample) in (["<native>"], ["<threads too short to sample>"]), sample
        told[sample.thread_id] = told.get(sample.thread_id, 0) + sample.weight_ns / 1e9
        if sample.thread_id != 0:
            longest = max(longest, sample.weight_ns / 1e9)
unsampled = told.pop(0, 0.0)
assert len(told) == 4 and min(told.values()) > 0.1, told
assert unsampled <= 4 * max(APART, 2.5 * longest), (unsampled, told)
assert sum(told.values()) <= at_most + APART, (at_most, told)
all_told = sum(told.values()) + unsampled
assert used - 2 * APART <= all_told <= at_most + 2 * APART, (used, at_most, unsampled, told)
