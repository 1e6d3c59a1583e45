import json
import sys

import spprof
from asking import endpoints, get, post, refused
from spprof import memprof
from spprof.http import control_paths


def state(answer):
    assert (answer.status, answer.content_type) == (200, "application/json"), answer
    document = json.loads(answer.body)
    return document["heap"]["active"], document["cpu"]["active"], document


assert state(post("/start", "heap=64&cpu=5"))[:2] == (True, True)
assert memprof.get_stats().sampling_rate_bytes == 65536 and spprof.stats().interval_ms == 5
assert refused(post("/start", "heap"), 409, "heap profiler is already running")
assert refused(post("/start", "cpu"), 409, "CPU profiler is already running")
assert state(post("/stop", "cpu"))[:2] == (True, False)
assert refused(post("/stop", "cpu"), 409, "CPU profiler is not running")
assert refused(post("/stop", "heap&cpu"), 409, "CPU profiler is not running")
assert memprof.is_active(), "none is stopped where one is refused"
assert state(post("/debug/pprof/stop", "heap"))[:2] == (False, False)
assert refused(post("/stop", "heap"), 409, "heap profiler is not running")
active = state(post("/start", "heap=&cpu="))[2]
assert active["heap"]["sampling_rate_bytes"] == 512 << 10 and active["cpu"]["interval_ms"] == 10
post("/stop", "heap&cpu")

for query in ("heap=-1", "heap=x", "heap=0.5", "heap=1048577", "cpu=0", "cpu=1001", "cpu=nan", "cpu=1e1", ""):
    assert refused(post("/start", query), 400)
assert refused(post("/stop"), 400, "/stop?heap&cpu")
assert not memprof.is_active() and not spprof.is_active()

# If the second profiler cannot start, the first one is stopped.
real = control_paths.cpu.start


def refuses(interval_ms):
    raise OSError(1, "no timers")


sys.modules["spprof.cpu"].start = refuses
assert refused(post("/start", "heap&cpu"), 409, "no timers")
sys.modules["spprof.cpu"].start = real
assert not memprof.is_active()

for method in ("GET", "HEAD", "PUT", ""):
    answer = endpoints.answer(method, "/start", "heap")
    assert refused(answer, 405, "POST") and dict(answer.headers)["Allow"] == "POST"
assert not memprof.is_active()
for path in ("/", "/heap", "/debug/pprof/profile", "/flamegraph"):
    answer = endpoints.answer("POST", path, "")
    assert refused(answer, 405) and dict(answer.headers)["Allow"] == "GET, HEAD"
for path in (
    "/x",
    "/debug",
    "/debug/pprofheap",
    "/debug/pprof/heap/",
    "/debug/pprof/../heap",
    "//heap",
    "/debug/pprof/cmdline",
):
    assert refused(get(path), 404, "/debug/pprof/heap", "/start")
memprof.shutdown()
assert refused(post("/start", "heap"), 409, "shut down")
