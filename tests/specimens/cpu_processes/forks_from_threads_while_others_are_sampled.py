import os
import threading
import warnings

import spprof
from spent import in_threads, spend, until_sampled

warnings.simplefilter("ignore")


def forking():
    for _ in range(10):
        pid = os.fork()
        if pid == 0:
            until_sampled(1, spend, 0.002)
            os._exit(7 if len(spprof.stop().samples) > 0 else 8)
        ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


ended = []
spprof.start(interval_ms=1, native=True)
busy = [threading.Thread(target=spend, args=(0.3,)) for _ in range(2)]
for thread in busy:
    thread.start()
in_threads(3, forking)
for thread in busy:
    thread.join()
spprof.stop()
assert ended == [7] * 30, ended
