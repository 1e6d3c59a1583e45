"""Calls that need a profiler, on a system that calls itself macOS, before any was started."""

import sys

import spprof
import spprof.memprof as memprof

sys.platform = "darwin"
for call in (lambda: memprof.record("x"), lambda: spprof.trigger(folder="x", on_memory_error=True)):
    try:
        call()
        print("nothing")
    except Exception as error:
        print(type(error).__name__, error)
