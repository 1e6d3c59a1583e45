"""Eight threads allocate, import, fork and wait in C until standard input ends. Then the result of the first rounds is
printed.
"""

import ctypes
import importlib
import os
import select
import sys
import threading
import zlib

ROUNDS, THREADS = int(sys.argv[1]), 8
NAMES = "json csv decimal fractions textwrap string colorsys quopri stringprep sched".split()

libc = ctypes.CDLL(None)
sums = [0] * THREADS
forking = threading.Lock()


def allocate(number, turn):
    held = [bytes([turn % 256]) * (1000 + 997 * n) for n in range(60)]
    return zlib.crc32(b"".join(held))


def import_anew(number, turn):
    name = NAMES[(number * 5 + turn) % len(NAMES)]
    with forking:
        sys.modules.pop(name, None)
        return len(importlib.import_module(name).__name__)


def fork(number, turn):
    with forking:
        child = os.fork()
        if child == 0:
            os._exit(turn % 100)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def wait(number, turn):
    libc.usleep(2000)
    return turn


WORK = (allocate, import_anew, fork, wait)


def is_over():
    return bool(select.select([0], [], [], 0)[0])


def run(number):
    turn = 0
    while turn < ROUNDS or not is_over():
        found = WORK[(number + turn) % len(WORK)](number, turn)
        sums[number] += found if turn < ROUNDS else 0
        turn += 1


others = [threading.Thread(target=run, args=(number,)) for number in range(1, THREADS)]
for thread in others:
    thread.start()
print("begun", flush=True)
run(0)
for thread in others:
    thread.join()
print(sums, flush=True)
