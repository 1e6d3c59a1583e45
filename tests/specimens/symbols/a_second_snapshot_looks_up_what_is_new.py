import ctypes
import sys

from spprof import _engine, memprof

library = ctypes.CDLL(sys.argv[1])
library.allocate.argtypes, library.allocate.restype = [ctypes.c_size_t], ctypes.c_void_p
asked = []


def counted(path, *rest, call=_engine.symbols):
    asked.append(path)
    return call(path, *rest)


_engine.symbols = counted
memprof.start(0)
library.allocate(70001)
memprof.get_snapshot().top_allocators()
print(sys.argv[1] in asked, len(asked) == len(set(asked)))
memprof.stop()
memprof.get_snapshot().top_allocators()  # includes allocations of the first snapshot itself
asked.clear()
memprof.get_snapshot().top_allocators()
print(asked)
