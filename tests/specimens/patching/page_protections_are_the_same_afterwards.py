import importlib
import sys

import spprof.memprof as memprof
from patched_library import load

MODULES = (
    "formats.source", "heap.to_pprof", "heap.snapshot", "heap.text", "formats.atomic_file", "formats.collapsed",
    "formats.pprof", "formats.speedscope",
)  # fmt: skip


def regions():
    lines = (line.split() for line in open("/proc/self/maps"))
    return [tuple(fields[:2]) for fields in lines if ".so" in fields[-1] or "python" in fields[-1]]


library = load(sys.argv[1])
# Imports triggered by a start or a snapshot would change the memory map.
for module in MODULES:
    importlib.import_module(f"spprof.{module}")
before = regions()
memprof.start()
after = regions()
assert len(before) > 20
assert before == after, [pair for pair in zip(before, after) if pair[0] != pair[1]]
assert memprof.get_stats().native_mode == "patch"
