"""After the start, reading a CPU clock in any thread's tick ends the process."""

import ctypes
import platform
import struct
import sys

import spprof
import spprof.results
from spent import CALL_NUMBERS

LOAD, EQUAL, ANSWER = 0x20, 0x15, 0x06
ALLOWED, KILL = 0x7FFF0000, 0x80000000
MONOTONIC, REALTIME = 1, 0  # and variants of them, for machines where these are system calls
NATIVE = sys.argv[1] == "native"

code = [
    (LOAD, 0, 0, 0),
    (EQUAL, 0, 4, CALL_NUMBERS["clock_gettime"][platform.machine()]),
    (LOAD, 0, 0, 16),
    (EQUAL, 2, 0, MONOTONIC),
    (EQUAL, 1, 0, REALTIME),
    (ANSWER, 0, 0, KILL),
    (ANSWER, 0, 0, ALLOWED),
]
packed = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in code))
program = struct.pack("@HP", len(code), ctypes.addressof(packed))
libc = ctypes.CDLL(None, use_errno=True)
spprof.start(interval_ms=1, mode="wall", native=NATIVE)
assert libc.prctl(38, 1, 0, 0, 0) == 0
if libc.prctl(22, 2, program, 0, 0) != 0:
    print("no seccomp here")
    sys.exit()
while spprof.stats().collected_samples < 50:
    sum(range(1000))
