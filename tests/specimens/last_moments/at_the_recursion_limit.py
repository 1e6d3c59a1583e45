"""Receive SIGTERM at a depth below the recursion limit. The argument is the number of frames left."""

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
