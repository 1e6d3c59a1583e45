import ctypes
import gc
import re
import sys

from spprof import _engine, memprof

library = ctypes.CDLL(sys.argv[1])
make = library._ZN2ns4makeEm
make.restype = ctypes.c_void_p
memprof.start(0)
make(70001)
gc.set_threshold(1)  # as often as possible
stacks = [sample.stack for sample in memprof.get_snapshot().samples if sample.size == 70001]
print(stacks[0][0].function in ("ns::make", "_ZN2ns4makeEm"))
for _ in range(3):
    cycle = [bytearray(size) for size in range(600, 700)]
    cycle.append(cycle)
    del cycle
    memprof.get_snapshot().samples
stats = memprof.get_stats()
print(stats.collisions, sum(stats.dropped_samples.values()))
helpers = re.compile(r"/lib(dw|elf|z|lzma|bz2|zstd|stdc..|c..abi)[-.]")
print([module[4] for module in _engine.modules() if helpers.search(module[4])])
