"""The main thread holds the GIL and waits in C; another waits for the GIL, a third for a lock. argv: the profilers."""

from __future__ import annotations

import sys
import threading

import asking
import spprof
from spprof import _engine, memprof

waiting = threading.Event()
never = threading.Lock()
may_go_on = threading.Event()


def wait_for_lock() -> None:
    waiting.set()
    with never:  # the lock
        pass


def wait_for_gil() -> None:
    may_go_on.set()
    while True:  # the GIL
        pass


def inner() -> None:
    asking.stuck()  # stuck


def outer() -> None:
    inner()  # calls


if "heap" in sys.argv:
    memprof.start(sampling_rate_kb=1)
if "cpu" in sys.argv:
    spprof.start()
_engine.set_state("stuck_in_c.py", "3.x", 0)
_engine.prepare_stacks()
never.acquire()
threading.Thread(target=wait_for_lock, daemon=True).start()
waiting.wait()
threading.Thread(target=wait_for_gil, daemon=True).start()
may_go_on.wait()
asking.begin("get_stuck")
outer()  # begins
