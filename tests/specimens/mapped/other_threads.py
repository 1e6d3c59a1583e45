"""Map memory in a thread without Python frames. Print the mapping's first frames during and after the thread's life.

argument: the library
"""

import ctypes
import sys

import spprof.memprof as memprof

SIZE = 10 << 20
library = ctypes.CDLL(sys.argv[1])
library.map_in_thread.argtypes = [ctypes.c_size_t]
memprof.start()
library.map_in_thread(SIZE)
for _ in range(2):
    (found,) = [one for one in memprof.get_snapshot().mappings if one.size == SIZE]
    row = memprof.get_snapshot().top_mappings(1)[0]
    assert row["function"] == found.stack[0].function, row
    place = found.stack[0]
    print(
        place.function.replace(str(found.thread_id), "ID"), place.file == sys.argv[1], found.stack[1].function, end=";"
    )
    if found.thread_name:
        library.let_it_end()
