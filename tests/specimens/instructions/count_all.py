"""Run every case of instructions.c under callgrind, in the state that the first argument names.

usage: count_all.py none|never|stopped|started|sampling LIBRARY TURNS
"""

import ctypes
import os
import sys

state, path, turns = sys.argv[1:]
library = ctypes.PyDLL(path)
library.count_all.argtypes, library.count_all.restype = [ctypes.c_long], None

if state not in ("none", "never"):
    import spprof.memprof as memprof

    # With one GiB between samples, none falls into the loops. With 0, each allocation is a sample.
    memprof.start(0 if state == "sampling" else 1024 * 1024, seed=1)
    if state == "stopped":
        memprof.stop()

library.count_all(int(turns))
os._exit(0)  # exit handlers must not be part of any count
