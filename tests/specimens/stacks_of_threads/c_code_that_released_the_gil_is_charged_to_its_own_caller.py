import ctypes
import sys
import threading

import held

library = ctypes.CDLL(None)
allocate = library.malloc if sys.argv[1] == "preload" else library.PyMem_RawMalloc
allocate.restype, allocate.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
stop = []


def others():
    while not stop:
        [bytes(9) for _ in range(50)]


def released():
    return allocate(70001)


threads = [threading.Thread(target=others) for _ in range(2)]
for thread in threads:
    thread.start()
held.memprof.start(0)
blocks = [released() for _ in range(500)]
held.memprof.stop()
stop.append(True)
for thread in threads:
    thread.join()
for sample in held.samples_of(70001):
    print([frame.function for frame in sample.stack if frame.is_python])
