"""Another copy of the library is opened and closed while the heap is being profiled."""

import _ctypes
import ctypes
import sys

import spprof.memprof as memprof
from asked_for import bytearray_size

COPY, HOW, MODE = sys.argv[1:]


def held():
    return [s.size for s in memprof.get_snapshot().samples if 54_300 < s.size < 54_400]


memprof.start(0)
assert memprof.get_stats().native_mode == MODE
first = bytearray(54_320)
assert held() == [bytearray_size(54_320)]
copy = ctypes.CDLL(COPY, mode=getattr(ctypes, HOW))
second = bytearray(54_330)
assert sorted(held()) == [bytearray_size(54_320), bytearray_size(54_330)]
copy.malloc.restype, copy.malloc.argtypes, copy.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
copy.free(copy.malloc(54_340))  # that copy's own hooks are inactive, so they pass everything on
assert sorted(held()) == [bytearray_size(54_320), bytearray_size(54_330)]
del first
assert held() == [bytearray_size(54_330)]
_ctypes.dlclose(copy._handle)
del second
assert held() == []
