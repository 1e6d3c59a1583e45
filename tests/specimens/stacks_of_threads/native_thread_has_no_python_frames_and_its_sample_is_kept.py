import ctypes
import sys

import held

library = ctypes.CDLL(None)
allocate = library.malloc if sys.argv[1] == "preload" else library.PyMem_RawMalloc
library.pthread_join.argtypes = [ctypes.c_ulong, ctypes.c_void_p]
thread, block = ctypes.c_ulong(), ctypes.c_void_p()
held.memprof.start(0)
assert library.pthread_create(ctypes.byref(thread), None, allocate, ctypes.c_void_p(70001)) == 0
assert library.pthread_join(thread, ctypes.byref(block)) == 0
(sample,) = held.samples_of(70001)
assert sample.address == block.value
assert len(sample.stack) >= 1
print([frame for frame in sample.stack if frame.is_python])
