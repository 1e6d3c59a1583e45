"""Report while memory disappears: threads unmap memory that looks like malloc's, and mapped files are truncated.

argument: how many reports
"""

import ctypes
import mmap
import os
import struct
import sys
import threading

import spprof.memprof as memprof
from spprof import _engine
from spprof.process import regions

SIZE = 1 << 20
ANONYMOUS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
HEAP = struct.pack("=QQ", 0, 4096 | 1)
LARGE = struct.pack("=QQ", 0, SIZE | 2)
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
over = threading.Event()


def come_and_go(head):
    while not over.is_set():
        address = libc.mmap(None, SIZE, mmap.PROT_READ | mmap.PROT_WRITE, ANONYMOUS, -1, 0)
        for at in range(0, SIZE, 4096):
            ctypes.memmove(address + at, head, len(head))
        libc.munmap(address, SIZE)


def cut_file(flags):
    """Map pages beyond a file's end: any access to them raises SIGBUS."""
    file = os.memfd_create("cut")
    os.ftruncate(file, SIZE)
    address = libc.mmap(None, SIZE, mmap.PROT_READ | mmap.PROT_WRITE, flags, file, 0)
    ctypes.memset(address, 1, SIZE)
    os.ftruncate(file, 0)
    os.close(file)
    return address


memprof.start(16, seed=1)
for flags in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
    cut_file(flags)
sys.setswitchinterval(1e-4)  # each report lets the threads run
threads = [threading.Thread(target=come_and_go, args=(head,)) for head in (HEAP, LARGE)]
for thread in threads:
    thread.start()
for _ in range(int(sys.argv[1])):
    assert memprof.get_snapshot().resident
    # This includes truncated files and unreadable ranges, but not the kernel's own page at the end of all addresses.
    every = [(one.start, one.end) for one in regions.regions() if one.path != "[vsyscall]"]
    assert _engine.python_pools(every, 0)
    assert _engine.malloc_sums([(start, end - start, False) for start, end in every])
    assert len(_engine.resident_of(every)) == len(every)
over.set()
for thread in threads:
    thread.join()
