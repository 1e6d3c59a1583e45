"""For programs in child processes: the allocators of Python's domains, and the number of threads."""

import ctypes
import os


def hooks():
    found = []
    for domain in range(3):
        allocator = (ctypes.c_void_p * 5)()
        ctypes.pythonapi.PyMem_GetAllocator(domain, allocator)
        found.append(list(allocator))
    return found


def threads():
    return len(os.listdir("/proc/self/task"))
