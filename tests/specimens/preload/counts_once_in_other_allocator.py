"""Works like counts_once. In addition, the other preloaded allocator receives the block's request and its free."""

import ctypes

libc = ctypes.CDLL(None)


def asked():
    return [ctypes.c_ulong.in_dll(libc, f"other_allocator_{what}").value for what in ("allocations", "frees")]


before = asked()
import counts_once  # noqa: F401
import spprof.memprof as memprof

assert all(now > then + 100 for now, then in zip(asked(), before)), (before, asked())
stopped = asked()
memprof.stop()
kept = [bytearray(10_000 + number) for number in range(1000)]
del kept
assert all(now >= then + 1000 for now, then in zip(asked(), stopped)), (stopped, asked())
