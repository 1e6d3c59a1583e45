"""A module that raises when it is executed is executed again, and leaves nothing behind."""

from __future__ import annotations

import sys

from spprof import memprof, on_demand

NAME = "spprof.analysis.sites"

good = on_demand._kept[NAME]
on_demand._kept[NAME] = on_demand._Kept(good._path, compile("1 / 0", "sites.py", "exec"))
memprof.start()
for _ in range(2):
    try:
        memprof.get_snapshot()
    except ZeroDivisionError:
        assert NAME not in sys.modules and not on_demand._running
    else:
        raise AssertionError("it did not run")
on_demand._kept[NAME] = good
assert isinstance(memprof.get_snapshot(), memprof.HeapSnapshot)
