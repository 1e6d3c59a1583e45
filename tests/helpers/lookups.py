"""For programs in child processes: the library compiled from lookups.c, and libc's own functions, which are found
without that library.
"""

import ctypes

import spprof.memprof as memprof

RTLD_NEXT = ctypes.c_void_p(-1)


def load(path, mode=0):
    library = ctypes.CDLL(path, mode=mode)
    for name in ("of_default", "of_next", "of_handle", "of_version", "of_default_by_pointer"):
        getattr(library, name).restype = ctypes.c_void_p
    library.failure_of.restype = ctypes.c_char_p
    return library


def handle_of(library):
    return ctypes.c_void_p(library._handle)


def function(address):
    """Return the function at this address as one that takes a size and returns a block."""
    return ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)(address)


def release(address):
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)


def is_counted(allocate, free, size=1_234_567):
    """Return True if a block from this malloc is listed while it is live and disappears once this free has freed it."""
    block = allocate(size)
    assert block
    before = held(size)
    free(block)
    assert held(size) == 0
    return bool(before)


def held(size):
    return sum(record[1] == size for record in memprof.get_snapshot().records())
