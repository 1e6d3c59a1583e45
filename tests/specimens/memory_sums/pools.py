"""Print Python's pools according to their headers and to the interpreter's own statistics, without the profiler.

argument: the state of the pools, "fresh", "used", "half" (every second block freed) or "freed"; how many pools to read
(0: all)
"""

import json
import os
import re
import sys
import tempfile

from spprof import _engine
from spprof.process import regions


def said():
    """Return what sys._debugmallocstats() prints: bytes in use, arenas."""
    with tempfile.TemporaryFile() as file:
        saved = os.dup(2)
        os.dup2(file.fileno(), 2)
        sys._debugmallocstats()
        os.dup2(saved, 2)
        file.seek(0)
        text = file.read().decode()
    used = re.search(r"# bytes in allocated blocks\s+=\s+([\d,]+)", text)[1]
    arenas = re.search(r"# arenas allocated current\s+=\s+([\d,]+)", text)[1]
    return int(used.replace(",", "")), int(arenas.replace(",", ""))


def ours(ranges):
    pools = _engine.python_pools(ranges, int(sys.argv[2]))
    return pools and (pools[1], len(pools[3]) // 16, pools[2])


def ranges():
    return [(one.start, one.end) for one in regions.regions() if one.is_nameless]


if ours(ranges()) is None:
    print("null")
    sys.exit()
state = sys.argv[1]
kept = [] if state == "fresh" else [b"x" * (20 + number % 400) for number in range(300_000)]
if state == "half":
    del kept[::2]
if state == "freed":
    kept = kept[:: len(kept) // 50]
said()
while True:
    where = ranges()
    by_python, by_us = said(), ours(where)  # nothing is allocated in between
    if ranges() == where:
        break  # nor is an arena
print(json.dumps([by_python, by_us]))
