"""For programs in children: many blocks at once from any allocator, and what a snapshot says of them.

``BLOCKS`` in the environment names the compiled blocks.c (native.blocks_environment).
"""

import ctypes
import os

FAMILIES = {
    "malloc": ("malloc", "calloc", "realloc", "free"),
    "raw": ("PyMem_RawMalloc", "PyMem_RawCalloc", "PyMem_RawRealloc", "PyMem_RawFree"),
    "mem": ("PyMem_Malloc", "PyMem_Calloc", "PyMem_Realloc", "PyMem_Free"),
    "obj": ("PyObject_Malloc", "PyObject_Calloc", "PyObject_Realloc", "PyObject_Free"),
}


class Family:
    """One allocator: its functions for blocks.c, and callable one by one. Python's own are called with the GIL."""

    def __init__(self, name):
        names = FAMILIES[name]
        source = ctypes.CDLL(None) if name == "malloc" else ctypes.pythonapi
        self.blocks = (ctypes.CDLL if name == "malloc" else ctypes.PyDLL)(os.environ["BLOCKS"])
        self.blocks.blocks_allocate.restype = self.blocks.blocks_resize.restype = ctypes.c_size_t
        self.pointers = [ctypes.cast(source[function], ctypes.c_void_p) for function in names]
        self.malloc, self.calloc, self.realloc, self.free = (source[function] for function in names)
        self.malloc.restype = self.calloc.restype = self.realloc.restype = ctypes.c_void_p
        self.free.restype = None
        self.malloc.argtypes = [ctypes.c_size_t]
        self.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
        self.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.free.argtypes = [ctypes.c_void_p]


def pointers(count):
    return (ctypes.c_void_p * count)()


def allocate_blocks(family, blocks, size):
    made = family.blocks.blocks_allocate(family.pointers[0], blocks, ctypes.c_size_t(len(blocks)), ctypes.c_size_t(size))
    assert made == len(blocks), made


def resize_blocks(family, blocks, size):
    made = family.blocks.blocks_resize(family.pointers[2], blocks, ctypes.c_size_t(len(blocks)), ctypes.c_size_t(size))
    assert made == len(blocks), made


def free_blocks(family, blocks, stride=1):
    family.blocks.blocks_free(family.pointers[3], blocks, ctypes.c_size_t(len(blocks)), ctypes.c_size_t(stride))


def churn_blocks(family, count, size):
    family.blocks.blocks_churn(family.pointers[0], family.pointers[3], ctypes.c_size_t(count), ctypes.c_size_t(size))


def live(snapshot, function):
    """(bytes, objects) estimated to be live, of what this function allocated."""
    sites = [site for site in snapshot.top_allocators(1_000_000) if site["function"] == function]
    return sum(site["estimated_bytes"] for site in sites), sum(site["estimated_objects"] for site in sites)


def live_sizes(snapshot, function):
    """The sizes of the live samples that this function allocated, in their order."""
    return [sample.size for sample in snapshot.samples if sample.stack[0].function == function]


def allocated(snapshot, function):
    """(bytes, objects) estimated to have been allocated by this function, freed ones included."""
    totals = [weights for frames, weights in snapshot.stack_totals() if frames[0].function == function]
    return sum(weights[2] for weights in totals), sum(weights[3] for weights in totals)
