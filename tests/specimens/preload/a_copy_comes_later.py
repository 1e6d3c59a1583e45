"""Another copy of the library is opened while the heap is profiled, and closed again."""

import _ctypes
import ctypes
import sys

import spprof.memprof as memprof

COPY, HOW, MODE = sys.argv[1:]


def held():
    return [s.size for s in memprof.get_snapshot().samples if 54_300 < s.size < 54_400]


memprof.start(0)
assert memprof.get_stats().native_mode == MODE
first = bytearray(54_320)
assert held() == [54_321]
copy = ctypes.CDLL(COPY, mode=getattr(ctypes, HOW))
second = bytearray(54_330)
assert sorted(held()) == [54_321, 54_331]
copy.malloc.restype, copy.malloc.argtypes, copy.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
copy.free(copy.malloc(54_340))  # that copy's own hooks, stopped: they pass everything on
assert sorted(held()) == [54_321, 54_331]
del first
assert held() == [54_331]
_ctypes.dlclose(copy._handle)
del second
assert held() == []
