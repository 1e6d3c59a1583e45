"""Save snapshots continuously. The CPU profile shows the saving as one frame below the calling function."""

import os
import sys
import time

import spprof
import spprof.memprof as memprof

FOLDER = os.path.dirname(spprof.__file__) + os.sep


def saves():
    while time.process_time() < end:
        memprof.get_snapshot().save(sys.argv[1] + ".json")


memprof.start(0)
memprof.get_snapshot().save(sys.argv[1] + ".json")
spprof.start(interval_ms=1)
end = time.process_time() + 0.5
saves()
profile = spprof.stop()
names = [[frame.function for frame in sample.frames] for sample in profile.samples]
ours = [stack for stack in names if "<spprof>" in stack]
assert ours and all(stack[0] == "<spprof>" and stack[1].endswith("saves") for stack in ours), ours[:3]
assert not [f for sample in profile.samples for f in sample.frames if f.file.startswith(FOLDER)]
assert sum(row["function"] == "<spprof>" for row in profile.top_functions()) == 1
profile.save(sys.argv[1] + ".pb.gz")
