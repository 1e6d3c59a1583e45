"""Work until standard input ends, then print which parts of the program's state have changed: none may have."""

import gc
import os
import select
import sys
import threading
import time

held = []


def allocate():
    held.append(bytearray(100_000))
    if len(held) > 200:
        del held[:100]


def state():
    return sys.path[:], os.getcwd(), sys.getrecursionlimit(), gc.isenabled(), sys.gettrace(), sys.getprofile()


def threads():
    return len(os.listdir("/proc/self/task")), threading.active_count()


before, threads_before = state(), threads()
print("begun", flush=True)
while not select.select([0], [], [], 0)[0]:
    allocate()
assert state() == before
spprof = sys.modules.get("spprof")
if sys.argv[1] == "ended":
    from spprof.http import listener

    while listener.count():
        time.sleep(0.01)
    while threads() != threads_before:
        time.sleep(0.01)
    assert not spprof.memprof.is_active()
elif sys.argv[1] == "on":
    assert spprof.memprof.is_active()
else:
    assert spprof is None or not spprof.memprof.is_active()
print("ended", flush=True)
