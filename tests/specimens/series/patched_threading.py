"""A series in a program that has replaced threads and locks, as gevent does."""

import _thread
import sys
import threading

import spprof.memprof as memprof

FOLDER = sys.argv[1]


def refused(*arguments, **options):
    raise AssertionError("a thread or lock of the program's")


memprof.start(64)
kept = [bytearray(1_000_000) for _ in range(10)]
for module, names in (
    (_thread, ("allocate_lock", "allocate", "start_new_thread", "RLock", "get_ident")),
    (threading, ("Lock", "RLock", "Thread", "_start_new_thread", "_allocate_lock")),
):
    for name in names:
        if hasattr(module, name):
            setattr(module, name, refused)
series = memprof.record(FOLDER, every=0.01)
while series.written < 4:
    [bytearray(1000) for _ in range(1000)]
series.stop()
assert series.written >= 5
