"""A request gets a separate profile if the program has none. The profile ends with the request, however that ends."""

import gc

import spprof
from asking import answer_of, get, profile_in, refused, sums
from of_cpu import busy
from spprof import _engine
from spprof.http import cpu_paths
from spprof.http.answers import Later

step = get("/debug/pprof/profile")
assert isinstance(step, Later)
assert step.seconds == 30
assert _engine.cpu_is_active()
assert not spprof.is_active(), "it is none of the program's"
assert not spprof.stats().is_active
assert refused(get("/debug/pprof/profile"), 429, "try again in ")
assert refused(get("/flamegraph", "cpu"), 429)
busy()
answer = answer_of(step)
assert answer.file_name == "profile.pb.gz"
profile = profile_in(answer)
assert [one.type for one in profile.sample_types] == ["samples", "cpu"]
assert profile.period == 10_000_000
assert sums(profile, "busy")["cpu"] > 0
assert not _engine.cpu_is_active()

step = get("/debug/pprof/profile", "seconds=2&mode=wall&interval_ms=2.5")
assert step.seconds == 2
busy()
profile = profile_in(step)
assert ([one.type for one in profile.sample_types], profile.period) == (["samples", "wall"], 2_500_000)

step = get("/flamegraph", "cpu&seconds=1")
busy()
assert b"busy" in answer_of(step).body

# The profile ends however the request ends.
step = get("/debug/pprof/profile")
step.abandon()
assert not _engine.cpu_is_active()
step = get("/debug/pprof/profile")
del step
gc.collect()
assert not _engine.cpu_is_active()
for error, status in ((OSError("no disk"), 500), (MemoryError(), 503), (RuntimeError(), 500)):

    def fails(profile, file_name, error=error):
        raise error

    step, real = get("/debug/pprof/profile"), cpu_paths.packed
    cpu_paths.packed = fails
    assert refused(answer_of(step), status)
    cpu_paths.packed = real
    assert not _engine.cpu_is_active()
profile_in(get("/debug/pprof/profile", "seconds=1"))

real = spprof.cpu._engine.cpu_start


def refuses(*settings):
    raise OSError(11, "no timers")


_engine.cpu_start = refuses
assert refused(get("/debug/pprof/profile"), 503, "no timers")
_engine.cpu_start = real
profile_in(get("/debug/pprof/profile", "seconds=1"))
assert refused(get("/debug/pprof/profile", "seconds=0"), 409, "seconds=30", "/start?cpu=10")
