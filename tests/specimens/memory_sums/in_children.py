"""Print malloc's free memory in a forked child, whose heap the kernel lists as two: our figure and mallinfo2()'s."""

import ctypes
import json
import os

from spprof import _engine
from spprof.heap import resident_memory
from spprof.process import regions


class MallInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "a b c d hblkhd e fsmblks uordblks fordblks keepcost".split()]


def main():
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = MallInfo
    kept = [bytes(1000) for _ in range(1000)]
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        return
    kept += [bytes(1000) for _ in range(40_000)]
    del kept[1000::2]
    pieces = [one for one in regions.regions() if one.path == "[heap]"]
    found = resident_memory.measure()
    info = mallinfo2()
    free = next(part.bytes for part in found.parts if part.name == "malloc_free")
    print(json.dumps([len(pieces), free, info.fordblks - info.fsmblks]), flush=True)
    _engine.trim_malloc()


main()
