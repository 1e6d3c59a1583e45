"""The process and its threads are described by a worker that has never listened as well as by one that has."""

import json
import os
import threading

import spprof
from asking import get
from spprof import memprof

entered, may_go = threading.Event(), threading.Event()


def waits_for_the_end():
    entered.set()
    may_go.wait()


thread = threading.Thread(target=waits_for_the_end)
thread.start()
entered.wait()
for path in ("/stacks", "/debug/pprof/stacks"):
    stacks = get(path)
    assert (stacks.status, stacks.content_type) == (200, "text/plain; charset=utf-8")
    assert b"waits_for_the_end" in stacks.body
may_go.set()
thread.join()

memprof.start()
answer = get("/stats")
state = json.loads(answer.body)
assert (answer.status, answer.content_type, state["pid"]) == (200, "application/json", os.getpid())
assert state["program"] == os.path.basename(__file__), state
child = os.fork()
if child == 0:
    told = json.loads(get("/debug/pprof/stats").body)
    assert told["pid"] == os.getpid() and get("/stacks").status == 200
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert not spprof.is_active()
