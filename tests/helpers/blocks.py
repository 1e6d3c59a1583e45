"""For programs in child processes: allocate many blocks at once from any allocator and read them from a snapshot.

The environment variable ``BLOCKS`` names the compiled blocks.c (see native.blocks_environment).
"""

import collections
import ctypes
import operator
import os

from spprof import estimate
from spprof.analysis import sites
from spprof.formats.profile_stacks import ProfileStacks
from spprof.heap.to_pprof import profile_of

FAMILIES = {
    "malloc": ("malloc", "calloc", "realloc", "free"),
    "raw": ("PyMem_RawMalloc", "PyMem_RawCalloc", "PyMem_RawRealloc", "PyMem_RawFree"),
    "mem": ("PyMem_Malloc", "PyMem_Calloc", "PyMem_Realloc", "PyMem_Free"),
    "obj": ("PyObject_Malloc", "PyObject_Calloc", "PyObject_Realloc", "PyObject_Free"),
}


SIZE_RATE_STACK = operator.itemgetter(1, 4, 6)


class Family:
    """One allocator's functions for blocks.c, which can also be called one by one. Python's own allocators need the
    GIL.
    """

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
    made = family.blocks.blocks_allocate(
        family.pointers[0], blocks, ctypes.c_size_t(len(blocks)), ctypes.c_size_t(size)
    )
    assert made == len(blocks), made


def resize_blocks(family, blocks, size):
    made = family.blocks.blocks_resize(family.pointers[2], blocks, ctypes.c_size_t(len(blocks)), ctypes.c_size_t(size))
    assert made == len(blocks), made


def free_blocks(family, blocks, stride=1):
    family.blocks.blocks_free(family.pointers[3], blocks, ctypes.c_size_t(len(blocks)), ctypes.c_size_t(stride))


def churn_blocks(family, count, size):
    family.blocks.blocks_churn(family.pointers[0], family.pointers[3], ctypes.c_size_t(count), ctypes.c_size_t(size))


def live_sizes(snapshot, function, at_least=0, at_most=2**63):
    """Return {(size, rate): samples} for the live blocks that this function allocated. The size limits separate its
    blocks from those that the call left in the interpreter's free lists.
    """
    counts = collections.Counter()
    for (size, rate, stack_id), count in collections.Counter(map(SIZE_RATE_STACK, snapshot.records())).items():
        if at_least <= size <= at_most and snapshot.site_key(stack_id).function == function:
            counts[size, rate] += count
    return counts


def live(snapshot, function, at_least=0, at_most=2**63):
    """Return the estimated live (bytes, objects) that this function allocated."""
    counts = live_sizes(snapshot, function, at_least, at_most).items()
    weights = [(count, estimate.weigh(*size_and_rate)) for size_and_rate, count in counts]
    return sum(count * weight[1] for count, weight in weights), sum(count * weight[2] for count, weight in weights)


def allocated(snapshot, function):
    """Return the estimated (bytes, objects) that this function allocated, freed blocks included."""
    stacks = ProfileStacks(profile_of(snapshot)).totals()
    totals = [weights for frames, weights in stacks if sites.site_frame(frames).function == function]
    return sum(weights[2] for weights in totals), sum(weights[3] for weights in totals)
