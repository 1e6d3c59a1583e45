"""A repeatable job gives way to forks a few times in a row. After that, the fork waits for the job."""

import os
import threading

from spprof import _engine
from spprof.serve import background

begun = threading.Semaphore(0)
done = threading.Event()
ways = []


def work():
    begun.release()
    while not _engine.background_is_stopping():  # until a fork waits
        pass
    try:
        background.give_way()
    except background.GaveWayError:
        ways.append("gave way")
        raise
    ways.append("done")
    done.set()


background.add(work)
for _ in range(background._GIVEN_WAY + 1):
    begun.acquire()
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
done.wait()
assert ways == ["gave way"] * background._GIVEN_WAY + ["done"], ways
