import spprof.memprof as memprof
from asked_for import bytearray_size
from spprof import _engine

mapped = {line.split()[5] for line in open("/proc/self/maps") if "libspprof_alloc" in line}
assert mapped == {_engine.library_path()}, mapped
mappings = [line for line in open("/proc/self/maps") if "libspprof_alloc" in line and " r-xp " in line]
assert len(mappings) == 1, mappings
memprof.start(0)
held = bytearray(54_320)
snapshot = memprof.get_snapshot()
assert [s.size for s in snapshot.samples].count(bytearray_size(54_320)) == 1, "counted by one of the hooks, once"
print(memprof.get_stats().native_mode)
