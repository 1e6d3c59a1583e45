import ctypes
import dataclasses
import json
import os
import sys

from spprof import memprof

usual, blind = ctypes.CDLL(os.path.abspath("usual.so")), ctypes.CDLL(os.path.abspath("blind.so"))
for library in usual, blind:
    library.inner.argtypes = [ctypes.c_size_t]
    library.outer.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    library.inner.restype = library.outer.restype = ctypes.c_void_p
inner = ctypes.cast(usual.inner, ctypes.c_void_p)
size = 100 << 20
calls = {
    "usual": lambda: usual.inner(size),
    "blind": lambda: blind.inner(size),
    "usual from blind": lambda: blind.outer(inner, size),
}
memprof.start(64)
for _ in range(10):
    calls[sys.argv[1]]()
keep = [bytearray(size) for _ in range(10)]
memprof.stop()
print(json.dumps(dataclasses.asdict(memprof.get_snapshot().frame_pointer_health)))
