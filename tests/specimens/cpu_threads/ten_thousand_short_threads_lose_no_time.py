import platform
import re
import resource

import spprof
from spent import check_total, drops, drops_within, in_threads, seconds_in


def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def short():
    sum(range(2000))


spprof.start(interval_ms=10)
before = used()
for _ in range(1000):
    in_threads(10, short)
spent = used() - before
profile = spprof.stop()
check_total(profile, spent)
assert profile.short_threads > 5000, profile.short_threads
unattributed = seconds_in(profile, "<threads too short to sample>")
if tuple(map(int, re.findall(r"\d+", platform.release())[:2])) < (6, 4):
    assert unattributed > 0.1 * spent, profile
else:  # from about 60 samples; on a busy machine, more of it may belong to the starting thread
    assert unattributed < 0.6 * spent, profile
    assert seconds_in(profile, "short") > 0, profile
assert not drops_within(), drops()
