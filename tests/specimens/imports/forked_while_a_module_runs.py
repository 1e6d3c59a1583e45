"""Fork while another thread executes a module of the package for the first time. The child finds none half executed."""

from __future__ import annotations

import os
import sys
import threading

from spprof import memprof, on_demand

inside, go_on = threading.Event(), threading.Event()


def pause(frame, event, argument) -> None:
    if "spprof.heap.samples" in on_demand._running and not inside.is_set():
        inside.set()
        go_on.wait()


def takes() -> None:
    sys.setprofile(pause)
    memprof.get_snapshot()


os.register_at_fork(before=go_on.set)  # this handler runs before those that spprof registered earlier
memprof.start()
thread = threading.Thread(target=takes)
thread.start()
inside.wait()
pid = os.fork()
if pid == 0:
    status = 9
    try:
        assert not on_demand._running, on_demand._running
        assert isinstance(memprof.get_snapshot(), memprof.HeapSnapshot)
        status = 0
    finally:
        os._exit(status)
assert os.waitpid(pid, 0)[1] == 0
thread.join()
print("the child went on")
