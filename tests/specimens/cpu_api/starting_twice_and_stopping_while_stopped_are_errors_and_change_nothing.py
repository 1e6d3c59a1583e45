import os

import spprof
from of_cpu import busy, count


def refused(call):
    try:
        call()
    except RuntimeError as error:
        return str(error)


assert "call spprof.start() first" in refused(spprof.stop)
assert "call spprof.start() first" in refused(spprof.cpu.running)
spprof.start(1)
assert "call spprof.stop() first" in refused(lambda: spprof.start(5, output_path="never.json"))
assert "call spprof.stop() first" in refused(spprof.Profiler().__enter__)
busy()
profile = spprof.stop()
assert profile.interval_ms == 1.0 and count(profile, "busy") >= 5
assert not os.path.exists("never.json")
assert "call spprof.start() first" in refused(spprof.stop)
