"""Print what was opened or imported after the import, and the modules that were not in memory. Both lists are empty.

The program's own source, whose lines a page shows, may be read if possible.
"""

from __future__ import annotations

import os
import sys

import everything
from spprof import on_demand

OF_KERNEL = ("/proc/", "/sys/fs/cgroup/")

log = []


def hook(event, arguments):
    name = str(arguments[0])
    is_source = name.endswith(".py") and "/spprof/" not in name
    if event == "import" or (event == "open" and not is_source and not name.startswith((os.getcwd(), *OF_KERNEL))):
        log.append((event, name))


sys.addaudithook(hook)
before = set(sys.modules)
everything.use(os.getcwd())
print([entry for entry in log if not isinstance(entry[1], int) and not entry[1].isdigit()])
kept = set(on_demand._kept)
print(sorted(set(sys.modules) - before - kept))
