"""Runs a program under ours, with nothing else of the command line's.

python bench/cpu/ours.py INTERVAL_MS PROGRAM ARGUMENTS...
"""

import runpy
import sys

import spprof

if __name__ == "__main__":
    interval_ms = int(sys.argv[1])
    del sys.argv[:2]
    spprof.start(interval_ms=interval_ms)
    runpy.run_path(sys.argv[0], run_name="__main__")
    spprof.stop()
