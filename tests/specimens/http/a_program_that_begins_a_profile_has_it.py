"""When the program starts a profile, the request's profile ends with the samples it has so far."""

import os
import threading

import spprof
from asking import get, post, profile_in, refused, sums
from of_cpu import busy, count
from spprof import _engine


def before():
    busy()


def own_work():
    busy()


@spprof.profile(1)
def decorated():
    busy()


def with_a_start():
    spprof.start(1)
    own_work()
    return spprof.stop()


def with_a_block():
    with spprof.Profiler(1) as profiler:
        own_work()
    return profiler.profile


def with_a_decorator():
    decorated()
    return decorated.profile


def with_a_request():
    assert post("/start", "cpu=1").status == 200
    own_work()
    found = get("/debug/pprof/profile", "seconds=0")
    assert found.status in (200, 429)
    return spprof.stop()


for begins, function in (
    (with_a_start, "own_work"),
    (with_a_block, "own_work"),
    (with_a_decorator, "decorated"),
    (with_a_request, "own_work"),
):
    step = get("/debug/pprof/profile", "seconds=30&interval_ms=1")
    before()
    own = begins()
    assert count(own, function) > 0 and count(own, "before") == 0
    assert not _engine.cpu_is_active()
    profile = profile_in(step)
    assert sums(profile, "before")["samples"] > 0 and sums(profile, function)["samples"] == 0

# A stop without a start remains an error.
step = get("/debug/pprof/profile")
try:
    spprof.stop()
except RuntimeError:
    pass
else:
    raise AssertionError("stopped what it has not begun")
profile_in(step)

# The same holds if the answer is made in another thread.
for _ in range(20):
    step = get("/debug/pprof/profile", "interval_ms=1")
    answers = []
    thread = threading.Thread(target=lambda step=step, answers=answers: answers.append(profile_in(step)))
    thread.start()
    spprof.start(1)
    own = spprof.stop()
    thread.join()
    assert len(answers) == 1 and not _engine.cpu_is_active()

# A forked child does not have the request.
step = get("/debug/pprof/profile")
child = os.fork()
if child == 0:
    assert not _engine.cpu_is_active()
    spprof.start(1)
    spprof.stop()
    refused(step.then(), 503)
    profile_in(get("/debug/pprof/profile", "seconds=1"))
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert _engine.cpu_is_active()
profile_in(step)
