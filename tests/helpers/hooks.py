"""For programs in children: the allocators of Python's domains, and how many threads there are."""

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
