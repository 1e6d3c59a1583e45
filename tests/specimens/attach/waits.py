"""Its main thread waits in C until its standard input ends, and runs Python again then."""

import ctypes
import sys

print("begun", flush=True)
byte = ctypes.create_string_buffer(1)
assert ctypes.CDLL(None).read(0, byte, 1) == 0
for _ in range(1000):
    pass
assert "spprof" not in sys.modules
print("ended", flush=True)
