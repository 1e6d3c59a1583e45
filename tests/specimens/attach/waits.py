"""Its main thread waits in C until its standard input ends, and runs Python again then."""

import ctypes
import sys

assert ctypes.CDLL(None).system(b"echo begun; cat > /dev/null") == 0  # who reads "begun" finds it there
for _ in range(1000):
    pass
assert "spprof" not in sys.modules
print("ended", flush=True)
