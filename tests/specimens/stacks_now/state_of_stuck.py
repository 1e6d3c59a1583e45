"""The state of a program that holds the GIL forever. argv: whether to run the profilers."""

from __future__ import annotations

import sys
import threading

import asking
import spprof
from spprof import _engine, memprof

kept = []
if sys.argv[1] == "both":
    memprof.start(sampling_rate_kb=1)
    kept = [bytes(5000) for _ in range(1000)]
    spprof.start(interval_ms=3, mode="wall")
_engine.set_state('a "program"\n', "3.x", 1_700_000_000_000_000_000)
ready = threading.Event()
threading.Thread(target=lambda: (ready.set(), threading.Event().wait()), daemon=True).start()
ready.wait()
asking.begin("schema", "sp_state_text")
asking.stuck()
