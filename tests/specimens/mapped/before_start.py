"""Map files before the profiler starts, and print what the snapshot knows about them.

argument: the file to map
"""

import json
import mmap
import os
import sys
from multiprocessing import shared_memory

PAGE = mmap.PAGESIZE
with open(sys.argv[1], "w+b") as file:
    file.truncate(200 * PAGE)
    data = mmap.mmap(file.fileno(), 200 * PAGE)
os.unlink(sys.argv[1])  # its name is known all the same
memory = shared_memory.SharedMemory(create=True, size=100 * PAGE)
for page in range(50):
    data[page * PAGE] = memory.buf[page * PAGE] = 1

import spprof.memprof as memprof

memprof.start()
taken = memprof.get_snapshot()
print(
    json.dumps(
        {
            one.path.rpartition("/")[2] if one.kind == "file" else "shared": (
                one.size // PAGE,
                one.resident_bytes // PAGE,
                one.timestamp_ns,
                one.thread_id,
                [(frame.function, frame.file == one.path, frame.line) for frame in one.stack],
            )
            for one in taken.mappings
        }
    )
)
memory.close()
memory.unlink()
