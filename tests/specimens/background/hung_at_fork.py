"""A fork does not wait for a job indefinitely, and the same thread finishes the job."""

import os
import threading

from spprof.serve import background

background._FORK_SECONDS = 0.05
begun, released, done = threading.Event(), threading.Event(), threading.Event()


def work():
    begun.set()
    released.wait()
    done.set()


background.add(work)
begun.wait()
child = os.fork()
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert not done.is_set()
released.set()
done.wait()
print("done")
