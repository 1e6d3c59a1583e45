"""Receive SIGTERM as many frames below the recursion limit as the argument says."""

import inspect
import os
import signal
import sys

kept = [bytearray(1000) for _ in range(50_000)]


def deep(left):
    if left:
        return deep(left - 1)
    os.kill(os.getpid(), signal.SIGTERM)
    while True:
        try:
            pass
        except Exception as error:
            print("caught", type(error).__name__, flush=True)
            return None


deep(sys.getrecursionlimit() - len(inspect.stack()) - int(sys.argv[1]))
print("ran to its end", flush=True)
