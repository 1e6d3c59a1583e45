import gc
import weakref

from asking import get, profile_in, refused, sums
from spprof import memprof
from spprof.http.answers import Later

BLOCK = 1_000_000


def old(count):
    return [bytes(BLOCK) for _ in range(count)]


def new(count):
    return [bytes(BLOCK) for _ in range(count)]


def blocks_of(profile, function):
    found = sums(profile, function)
    assert not any(name.startswith("peak") for name in found)
    return round(found["inuse_space"] / BLOCK), round(found["alloc_space"] / BLOCK)


memprof.start(0)
gone, kept = old(5), old(4)
first = get("/debug/pprof/heap", "seconds=30")
assert isinstance(first, Later)
assert first.seconds == 30
second = get("/allocs", "seconds=1")
assert 1 <= int(dict(second.headers)["Retry-After"]) <= 30
assert refused(second, 429, f"try again in {dict(second.headers)['Retry-After']} s")
profile_in(get("/debug/pprof/heap"))  # this path is free in the meantime
del gone
more = new(2)
new(1)
profile = profile_in(first)
assert blocks_of(profile, "old") == (-5, 0)
assert blocks_of(profile, "new") == (2, 3)
assert not any(sample.labels for sample in profile.samples)
assert all(any(sample.values) for sample in profile.samples)
assert profile.duration_ns > 0
assert profile.period == 0, "no interval can be worked out"

# The differences over two adjacent intervals add up to the difference over both.
start = get("/heap")
one = get("/heap", "seconds=1")
more += new(3)
one = profile_in(one)
two = get("/allocs", "seconds=1")
more += new(4)
del kept[:2]
two = profile_in(two)
assert two.default_type == "alloc_space"
assert (blocks_of(one, "new"), blocks_of(two, "new")) == ((3, 3), (4, 4))
assert (blocks_of(one, "old"), blocks_of(two, "old")) == ((0, 0), (-2, 0))

# If no client is waiting any longer, the next request may start.
step = get("/heap", "seconds=3600")
step.abandon()
step.abandon()
step = get("/heap", "seconds=3600")
held = weakref.ref(step.then.args[0].__self__)
del step
gc.collect()
assert held() is None
profile_in(get("/heap", "seconds=1"))
assert refused(get("/heap", "seconds=1&debug=1"), 400, "debug")
