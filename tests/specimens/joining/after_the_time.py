"""Start the heap profiler after the run's profiling time is over, and then fork."""

import os
import sys

from spprof import joining, memprof

while joining.is_joined("heap") or len(os.listdir("/proc/self/task")) > 1:
    pass
memprof.start(64)
kept = [b"x" * 1_000_000 for _ in range(30)]
if os.fork() == 0:
    print("child", memprof.is_active(), len(os.listdir("/proc/self/task")), flush=True)
    sys.exit()
os.wait()
memprof.stop()
print(memprof.is_active(), memprof.get_snapshot().live_samples > 10)
