"""If a fork waits for the background thread, work is repeated from the last step that cannot be repeated."""

from asking import get, profile_in, refused, sums
from of_cpu import busy
from spprof import _engine, memprof
from spprof.http import cpu_paths, heap_paths
from spprof.serve.background import GaveWayError


def gives_way_at(turn):
    """Simulate a waiting fork in the given call of give_way(), but in no later call."""
    turns = iter(range(1000))

    def give_way():
        if next(turns) == turn:
            raise GaveWayError

    heap_paths.give_way = cpu_paths.give_way = give_way


def done_anew(work, claimed=None):
    """Return the work's final result and how many times it gave way. ``claimed`` is a request to refuse in between."""
    for times in range(10):
        try:
            return work(), times
        except GaveWayError:
            assert claimed is None or refused(get(*claimed), 429)
    raise AssertionError("it never stops giving way")


memprof.start()
for turn in range(2):
    gives_way_at(turn)
    answer, times = done_anew(lambda: get("/heap"))
    assert answer.status == 200 and times == 1
gives_way_at(1)
assert done_anew(lambda: get("/flamegraph"))[1] == 1
gives_way_at(0)
step, times = done_anew(lambda: get("/heap", "seconds=30"))
assert times == 1 and step.seconds == 30
kept = bytes(100_000_000)  # certain to be sampled
for turn in range(2):
    gives_way_at(turn)
    answer, times = done_anew(step.then, ("/heap", "seconds=5")) if turn == 0 else (answer, 0)
assert sums(profile_in(answer))["inuse_space"] >= 100_000_000
gives_way_at(1)
step = get("/heap", "seconds=30")
assert done_anew(step.then)[1] == 1

gives_way_at(0)
step = get("/debug/pprof/profile", "interval_ms=1")
busy()
answer, times = done_anew(step.then, ("/profile", "seconds=5"))
assert times == 1 and sums(profile_in(answer), "busy")["samples"] > 0
assert not _engine.cpu_is_active()
profile_in(get("/debug/pprof/profile", "seconds=1"))
assert refused(get("/nowhere"), 404)
