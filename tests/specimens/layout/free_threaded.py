"""Import spprof as a free-threaded Python would, and print its message and which of its files were loaded."""

import sys

sys.abiflags += "t"
try:
    import spprof  # noqa: F401
except ImportError as error:
    print(error)
with open("/proc/self/maps") as maps:
    print([line.split()[-1] for line in maps if "spprof" in line and ".so" in line])
