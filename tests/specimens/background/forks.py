"""Fork while the background thread is running. CPython does not warn about any of our threads; only the parent's
continues.
"""

import os
import sys
import threading
import warnings

from spprof.serve import background

FORKS = int(sys.argv[1])

calls = threading.Semaphore(0)


def work():
    calls.release()
    return 0.0


def threads():
    return len(os.listdir("/proc/self/task"))


background.add(work)
warned = []
warnings.simplefilter("always")
warnings.showwarning = lambda message, *where: warned.append(str(message))
for _ in range(FORKS):
    calls.acquire()
    child = os.fork()
    if child == 0:
        os._exit(0 if threads() == 1 and not background._state().jobs else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0, "the child has jobs or a thread of ours"
    while calls.acquire(blocking=False):
        pass
    calls.acquire()  # the work continues
assert threads() == 2
print(warned)
