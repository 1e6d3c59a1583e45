import ctypes

import spprof.memprof as memprof
from of_memory import python_frames, sizes

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]


def hold():
    return libc.malloc(7_654_321)


memprof.start(0, native="preload")
address = hold()
(sample,) = [sample for sample in memprof.get_snapshot().samples if sample.size == 7_654_321]
assert sample.address == address
assert python_frames(sample.stack)[0].function == "hold"
libc.free(address)
assert 7_654_321 not in sizes(memprof.get_snapshot())
