"""Raise MemoryErrors: many that are handled, and optionally one at the end that is not."""

import resource
import sys
import time

import spprof
import spprof.memprof as memprof

FOLDER, HOW = sys.argv[1:]


def fill():
    held.append(bytearray(64 << 20))


def fail():
    try:
        bytearray(8 << 30)
    except MemoryError:
        return
    raise AssertionError("there was memory")


held = []
memprof.start(64)
trigger = spprof.trigger(folder=FOLDER, on_memory_error=True)
fill()
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
if HOW == "handled":
    fail()
    while not trigger.written:
        time.sleep(0.01)
    for _ in range(10_000):
        fail()
    trigger.stop()
    assert (trigger.written, trigger.unwritten) == (1, 0)
    fail()
else:
    bytearray(8 << 30)
