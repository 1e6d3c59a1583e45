import atexit
import os
import sys
import threading
import warnings

import spprof
from spent import burners, in_threads, spend

warnings.simplefilter("ignore")


def endless():
    while True:
        spend(0.01)


def fail_in_a_thread():
    sys.stderr = None
    in_threads(1, lambda: 1 / 0)


def fork_and_wait():
    pid = os.fork() or os._exit(0)
    os.waitpid(pid, 0)


ENDS = {
    "the script's end": lambda: None,
    "sys.exit in the main thread": lambda: sys.exit(0),
    "os._exit": lambda: os._exit(0),
    "an exception in a thread": fail_in_a_thread,
    "a fork whose child ends first": fork_and_wait,
}

atexit.register(spend, 0.05)
spprof.start(interval_ms=1, native=sys.argv[2] == "native")
for _ in range(3):
    threading.Thread(target=endless, daemon=True).start()
burners.burners_start(1, 10_000_000_000, False, 0, 0)
spend(0.05)
ENDS[sys.argv[1]]()
