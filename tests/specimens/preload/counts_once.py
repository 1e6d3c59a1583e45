"""A bytearray is counted once, by a single hook. Prints the native mode and which of our libraries are mapped."""

import json

import spprof.memprof as memprof
from asked_for import bytearray_size
from spprof import _engine

memprof.start(0)
held = bytearray(54_320)
snapshot = memprof.get_snapshot()
assert [s.size for s in snapshot.samples].count(bytearray_size(54_320)) == 1
del held
assert bytearray_size(54_320) not in [s.size for s in memprof.get_snapshot().samples]
with open("/proc/self/maps") as lines:
    mapped = {line.split()[5] for line in lines if "libspprof_alloc" in line}
engine = _engine.library_path()
print(json.dumps({"mode": memprof.get_stats().native_mode, "engine": engine, "mapped": sorted(mapped)}))
