"""Release pages and unmap others between a snapshot and its report, as allocators in libraries do in their own threads.
Print the mapped memory in the earlier report and in this one, and the unexplained part.
"""

import json
import mmap

import spprof.memprof as memprof

SIZE = 32 << 20


def written():
    memory = mmap.mmap(-1, SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for offset in range(0, SIZE, 4096):
        memory[offset] = 1
    return memory


if not memprof.is_active():
    memprof.start(16, seed=1)
kept, gone = written(), written()
before = memprof.get_snapshot().resident
snapshot = memprof.get_snapshot()
kept.madvise(mmap.MADV_DONTNEED, 0, SIZE // 2)
gone.close()
found = snapshot.resident
print(json.dumps([before.part("mapped"), found.part("mapped"), found.unexplained_bytes]))
