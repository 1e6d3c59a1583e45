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
assert seconds_in(profile, "<threads too short to sample>") > 0.1 * spent, profile
assert not drops_within(), drops()
