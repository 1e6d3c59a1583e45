"""A sandbox refuses system calls. Either there is a profile, or the start reports why not, or what is missing."""

import errno
import sys
import threading
import warnings

import spprof
import spprof.cpu_time.profile
import spprof.heap.snapshot
import spprof.memprof as memprof
import spprof.results
import spprof.symbolize.thread_names
from asked_for import bytearray_size
from spent import burners, refuse

CALLS, ERROR, MODE, WHEN = sys.argv[1:]


def refuse_all():
    for call in CALLS.split("+"):
        refuse(call, getattr(errno, ERROR))


def burn_in_c():
    burners.burn(200_000_000)


other = threading.Thread(target=burn_in_c)
if WHEN == "before":
    other.start()  # a sandbox may also refuse threads
    refuse_all()
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    try:
        spprof.start(interval_ms=1, mode=MODE)
    except OSError as error:
        assert not spprof.is_active()
        print("error:", error)
        sys.exit()
    if WHEN == "after":
        refuse_all()
        other.start()
for _ in range(200):
    burners.burn(10_000_000)
    if spprof.stats().collected_samples > 5:
        break
other.join()
profile = spprof.stop()
drops = {reason: count for reason, count in profile.dropped.items() if count}
words = [str(one.message) for one in said if one.category is RuntimeWarning]
assert profile.samples and (profile.total_ns > 0 or words), (profile, drops, words)
others = {sample.thread_id for sample in profile.samples} - {threading.get_native_id()}
assert others or words or drops, "another thread is sampled, or it is said that it is not"
memprof.start(0)
size = bytearray_size(54_320)
kept = bytearray(54_320)
assert [s.size for s in memprof.get_snapshot().samples if s.size == size] == [size]
print("profile:", *words)
