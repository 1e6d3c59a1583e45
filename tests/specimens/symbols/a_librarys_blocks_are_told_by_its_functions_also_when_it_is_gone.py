import _ctypes
import ctypes
import os

from spprof import memprof


def load(name, size):
    library = ctypes.CDLL(os.path.abspath(name + ".so"))
    function = getattr(library, name)
    function.argtypes, function.restype = [ctypes.c_size_t], ctypes.c_void_p
    function(size)  # these are never freed
    handle = library._handle
    del library, function
    _ctypes.dlclose(handle)


memprof.start(0)
load("first", 70001)
load("second", 70002)
snapshot = memprof.get_snapshot()
for sample in snapshot.samples:
    if sample.size in (70001, 70002):
        inner, outer = sample.stack[:2]
        print(sample.size, inner.function, outer.function, inner.line in (0, 3), os.path.basename(inner.file))
rows = [row for row in snapshot.top_allocators(100) if row["function"] == "load"]
print(sorted(row["native_function"] for row in rows if row["estimated_bytes"] > 140000))
