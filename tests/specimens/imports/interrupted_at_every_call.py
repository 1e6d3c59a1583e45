"""Fork a child for each call of the first snapshot. The child takes and prints another snapshot within that call, as a
signal handler may, and continues.
"""

from __future__ import annotations

import os
import sys

from spprof import memprof, on_demand


class Interruption:
    """Takes a snapshot at one call, given by its number from the first."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.inside = ""

    def __call__(self, frame, event, argument) -> None:
        if event not in ("call", "c_call"):
            return
        self.left -= 1
        if self.left == 0:
            self.inside = " ".join(on_demand._running)
            assert "kept" in str(memprof.get_snapshot().samples)


def child(at: int) -> int:
    """Return 0 if the call was never reached, 1 if no module was being executed then, and 2 if one was."""
    interruption = Interruption(at)
    sys.setprofile(interruption)
    snapshot = memprof.get_snapshot()
    told = str(snapshot)
    sys.setprofile(None)
    assert "kept" in str(snapshot.samples) and "objects" in told
    assert type(memprof.get_snapshot()) is memprof.HeapSnapshot
    for name, module in on_demand._loaded.items():
        assert sys.modules[name] is module, name
    assert snapshot.compare(memprof.get_snapshot()) == [] or snapshot
    return 0 if interruption.left > 0 else 2 if interruption.inside else 1


def kept():
    return [bytearray(1_000_000) for _ in range(20)]


memprof.start(64)
held = kept()
at, step, within = 1, int(sys.argv[1]), 0
while True:
    pid = os.fork()
    if pid == 0:
        status = 9
        try:
            status = child(at)
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, 1, 2), f"the child of call {at} failed"
    if status == 0:
        break
    within += status == 2
    at += step
assert within > 10, within
print("all went on")
