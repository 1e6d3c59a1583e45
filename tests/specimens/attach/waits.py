"""The main thread waits in C until standard input ends, and then runs Python again."""

import ctypes
import sys

assert ctypes.CDLL(None).system(b"echo begun; cat > /dev/null") == 0  # once "begun" is read, the thread is waiting
for _ in range(1000):
    pass
assert "spprof" not in sys.modules
print("ended", flush=True)
