"""Fork in one thread while others query malloc's sums, release memory, and allocate. Each child can walk the loader's
list, query and report as well.

arguments: the library of lookups.c; how many children
"""

import os
import signal
import sys
import threading

import spprof.memprof as memprof
from lookups import load
from spprof import _engine
from spprof.heap import resident_memory

ours = load(sys.argv[1])
over = threading.Event()
failures = []


def keep(call):
    while not over.is_set():
        call()


def blocks():
    kept = [bytes(number * 37 % 90_000 + 600) for number in range(300)]
    del kept[::2]


def child():
    signal.alarm(300)  # a child that hangs is killed, and fails the test
    if not ours.loaded_objects():
        return 8
    found = resident_memory.measure(None)
    _engine.malloc_said()
    memprof.trim()
    return 7 if found.rss_bytes == found.unexplained_bytes + sum(part.bytes for part in found.parts) else 9


def forks(count):
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            os._exit(child())
        _, status = os.waitpid(pid, 0)
        if not (os.WIFEXITED(status) and os.WEXITSTATUS(status) == 7):
            failures.append(status)
            return


calls = [_engine.malloc_said, _engine.malloc_said, _engine.trim_malloc, blocks]
threads = [threading.Thread(target=keep, args=(call,), daemon=True) for call in calls]
for thread in threads:
    thread.start()
forking = threading.Thread(target=forks, args=(int(sys.argv[2]),))
forking.start()
forking.join()
over.set()
for thread in threads:
    thread.join()
assert not failures, failures
