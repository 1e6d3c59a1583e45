import spprof
from greenlet import greenlet
from spent import check_seconds, names, spend


def first():
    for _ in range(10):
        spend(0.02)
        switch_to[1].switch()


def second():
    for _ in range(10):
        nested()
        switch_to[0].switch()


def nested():
    spend(0.01)


switch_to = [greenlet(first), greenlet(second)]
spprof.start(interval_ms=1)
switch_to[0].switch()
profile = spprof.stop()
check_seconds(profile, "first", 0.2, times=10)
check_seconds(profile, "second", 0.1, times=10)
for sample in profile.samples:
    told = set(names(sample))
    assert not told >= {"first", "second"}, sample
    assert ("nested" in told) <= ("second" in told), sample
