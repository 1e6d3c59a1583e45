"""Receive signals, which another process sends as fast as it can, while this one computes, waits in C and forks."""

import ctypes
import os
import signal
import sys
import threading

import spprof
import spprof.memprof as memprof
from spprof import _engine

memprof.start(16)
trigger = spprof.trigger(folder=sys.argv[1], on_signal="USR2")
main, forks = os.getpid(), int(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)

sender = os.fork()
if sender == 0:
    while os.getppid() == main:
        os.kill(main, signal.SIGUSR2)
    os._exit(0)

# waits in C are not interrupted, and errno is unchanged
ends = os.pipe()
threading.Thread(target=lambda: (sum(range(1_000_000)), os.write(ends[1], b"x"))).start()
ctypes.set_errno(77)
taken = ctypes.create_string_buffer(1)
assert libc.read(ends[0], taken, 1) == 1
assert ctypes.get_errno() == 77
assert sum(range(100_000)) == 4999950000

for _ in range(forks):
    child = os.fork()
    if child == 0:
        signal.raise_signal(signal.SIGUSR2)
        os._exit(0 if len(os.listdir("/proc/self/task")) == 1 else 1)
    while True:
        _, status = os.waitpid(child, 0)
        break
    assert status == 0, "the child was ended by the signal, or has a thread"
os.kill(sender, signal.SIGKILL)
os.waitpid(sender, 0)
trigger.stop()
assert trigger.written >= 1
assert _engine.has_default_action(signal.SIGUSR2)
names = os.listdir(sys.argv[1])
assert len(names) == trigger.written
assert all(f".{main}." in name for name in names), names
