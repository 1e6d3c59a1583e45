"""A bytearray is counted by one hook, once. Prints the native mode and which libraries of ours are mapped."""

import json

import spprof.memprof as memprof
from spprof import _engine

memprof.start(0)
held = bytearray(54_320)
snapshot = memprof.get_snapshot()
assert [s.size for s in snapshot.samples if s.size == 54_321] == [54_321]
del held
assert not [s.size for s in memprof.get_snapshot().samples if s.size == 54_321]
with open("/proc/self/maps") as lines:
    mapped = {line.split()[5] for line in lines if "libspprof_alloc" in line}
engine = _engine.library_path()
print(json.dumps({"mode": memprof.get_stats().native_mode, "engine": engine, "mapped": sorted(mapped)}))
