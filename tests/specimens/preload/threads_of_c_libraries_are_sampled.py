import ctypes
import sys
import threading

import spprof.memprof as memprof

library = ctypes.CDLL(sys.argv[1])
blocks = (ctypes.c_void_p * 1600)()
memprof.start(0)
assert library.allocate_in_threads(blocks, 16) == 0
mine = [s for s in memprof.get_snapshot().samples if s.size == 12_345]
assert len(mine) == 1600 and len({s.thread_id for s in mine}) == 16
assert threading.get_native_id() not in {s.thread_id for s in mine}
library.free_all(blocks, 1600)
assert not [s for s in memprof.get_snapshot().samples if s.size == 12_345]
