"""A forked child does not continue its parent's series. It may start its own, while the parent's series continues."""

import os
import sys
import threading

import spprof.memprof as memprof

FOLDER = sys.argv[1]


def files(pid):
    return sorted(name for name in os.listdir(FOLDER) if f".{pid}." in name)


memprof.start(64)
held = [bytearray(1_000_000) for _ in range(10)]
series = memprof.record(FOLDER, every=0.01, keep=1000)
child = os.fork()
if child == 0:
    assert len(os.listdir("/proc/self/task")) == 1
    series.stop()
    assert files(os.getpid()) == []
    own = memprof.record(FOLDER, every=1000)
    own.stop()
    assert [name.split(".")[-3:-2] for name in files(os.getpid())] == [["000000"], ["000001"]], files(os.getpid())
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
before = series.written
waited = threading.Event()
while series.written < before + 3:
    waited.wait(0.01)
series.stop()
assert files(child) and len(files(os.getpid())) == series.written
assert threading.active_count() == 1
