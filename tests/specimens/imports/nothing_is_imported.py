"""Prints what was opened or imported after the import, and the modules that were not in memory: two empty lists."""

from __future__ import annotations

import os
import sys

import everything
from spprof import on_demand

log = []


def hook(event, arguments):
    if event == "import" or (event == "open" and not str(arguments[0]).startswith((os.getcwd(), "/proc/"))):
        log.append((event, str(arguments[0])))


sys.addaudithook(hook)
before = set(sys.modules)
everything.use(os.getcwd())
print([entry for entry in log if not isinstance(entry[1], int) and not entry[1].isdigit()])
kept = set(on_demand._kept)
print(sorted(set(sys.modules) - before - kept))
