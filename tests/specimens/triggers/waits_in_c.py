"""The only Python thread waits in C until its parent has seen the files that its signals triggered."""

import ctypes
import sys

import spprof
import spprof.memprof as memprof

memprof.start(16)
held = bytearray(1 << 20)
trigger = spprof.trigger(folder=sys.argv[1], on_signal="SIGUSR2")
print(flush=True)
got = ctypes.create_string_buffer(1)
assert ctypes.CDLL(None).read(0, got, 1) == 1
print(trigger.written)
