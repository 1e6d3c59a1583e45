"""The requested samples are taken from the program's own profile, whose sums are unaffected."""

import spprof
from asking import get, profile_in, refused, sums
from of_cpu import busy, count
from spprof import _engine


def before():
    busy()


def meanwhile():
    busy()


def after():
    busy()


spprof.start(1)
before()
step = get("/debug/pprof/profile", "seconds=5&interval_ms=500")
assert step.seconds == 5
assert refused(get("/debug/pprof/profile", "mode=wall"), 429)
meanwhile()
profile = profile_in(step)
after()
assert refused(get("/debug/pprof/profile", "mode=wall"), 409, "in mode cpu")
so_far = profile_in(get("/debug/pprof/profile", "seconds=0"))
assert sums(so_far, "before")["samples"] and sums(so_far, "after")["samples"]
assert spprof.is_active()
own = spprof.stop()
assert profile.period == 1_000_000
assert [sums(profile, one)["samples"] for one in ("before", "after")] == [0, 0]
assert sums(profile, "meanwhile")["samples"] == count(own, "meanwhile") > 0
assert abs(own.total_ns - own.process_ns) <= 25_000_000
begin, end = profile.time_ns, profile.time_ns + profile.duration_ns
of_that_time = [sample for sample in own.samples if begin <= sample.timestamp_ns <= end and sample.thread_id]
assert sums(profile) == {"samples": len(of_that_time), "cpu": sum(sample.weight_ns for sample in of_that_time)}

# In the meantime, the program ends its profile or starts another one.
spprof.start(1)
step = get("/debug/pprof/profile", "seconds=5")
meanwhile()
own = spprof.stop()
assert sums(profile_in(step), "meanwhile")["samples"] == count(own, "meanwhile")
spprof.start(1)
step = get("/debug/pprof/profile", "seconds=5")
spprof.stop()
spprof.start(1)
assert refused(step.then(), 409, "has started another CPU profile")
spprof.stop()
assert not _engine.cpu_is_active()
