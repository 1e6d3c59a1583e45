"""A program in which Arrow appears to be loaded, according to its pools. The argument is the file to write."""

import sys
import types

import spprof.memprof as memprof


class Pool:
    def __init__(self, allocated):
        self._allocated = allocated

    def bytes_allocated(self):
        return self._allocated


def not_to_be_asked():
    raise SystemExit("the default pool was chosen")


arrow = types.ModuleType("pyarrow.lib")
arrow.mimalloc_memory_pool = lambda: Pool(300 << 20)
arrow.jemalloc_memory_pool = lambda: Pool(0)
arrow.system_memory_pool = lambda: Pool(7 << 20)
arrow.default_memory_pool = not_to_be_asked
sys.modules["pyarrow.lib"] = arrow

memprof.start()
snapshot = memprof.get_snapshot()
assert snapshot.pools == (memprof.MemoryPool("arrow", "mimalloc", 300 << 20),), snapshot.pools
snapshot.save(sys.argv[1])
snapshot.save(sys.argv[1].replace(".pb.gz", ".html"))
print(snapshot)

arrow.mimalloc_memory_pool = lambda: Pool(1 << 10)
assert memprof.get_snapshot().pools == (memprof.MemoryPool("arrow", "mimalloc", 1 << 10),)
assert "Arrow" not in str(memprof.get_snapshot())
