"""60 threads, each using 4 MB of stack."""

import sums

sums.begin()

import sys
import threading

THREADS, DEPTH = 60, 700
up, over = threading.Barrier(THREADS + 1), threading.Event()


def nested(depth):
    if depth == 0:
        up.wait()
        over.wait()
        return 0
    return sorted([depth - 1], key=nested)[0]


sys.setrecursionlimit(10**6)
threading.stack_size(8 << 20)
for _ in range(THREADS):
    threading.Thread(target=nested, args=(DEPTH,), daemon=True).start()
up.wait()
sums.end()
over.set()
