import ctypes
import sys

import spprof.memprof as memprof

api = ctypes.pythonapi
for prefix in ("PyMem_Raw", "PyMem_", "PyObject_"):
    malloc, free = getattr(api, prefix + "Malloc"), getattr(api, prefix + "Free")
    malloc.restype, malloc.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]


def blocks(prefix, size):
    return [getattr(api, prefix + "Malloc")(size) for _ in range(20)]


for mode in sys.argv[1:]:
    memprof.start(0, native=mode)
    assert memprof.get_stats().native_mode == mode
    for prefix in ("PyMem_Raw", "PyMem_", "PyObject_"):
        for size in (403, 5003, 100003):  # a multiple of 8 plus 3, like no other block
            held = blocks(prefix, size)
            live = [r for r in memprof.get_snapshot().records() if r[1] in range(size, size + 65, 8)]
            assert len(live) == 20, (mode, prefix, size, len(live))
            for block in held:
                getattr(api, prefix + "Free")(block)
            live = [r for r in memprof.get_snapshot().records() if r[1] in range(size, size + 65, 8)]
            assert not live, (mode, prefix, size, len(live))
    memprof.stop()
