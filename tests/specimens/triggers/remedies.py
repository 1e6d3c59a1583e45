"""Request triggers that are impossible."""

import spprof
import spprof.memprof as memprof
from spprof.process import control_group


def refused(**what):
    try:
        spprof.trigger(folder="x", **what)
    except RuntimeError as error:
        return str(error)
    return ""


assert "call spprof.memprof.start() first" in refused(on_signal="USR2")
memprof.start(64)
control_group.limiting_group = lambda: None
assert "has a memory limit; set one (docker run --memory" in refused(when_cgroup_percent=80)
