"""For programs in child processes: libraries that are loaded and unloaded, and the stacks of their blocks."""

import _ctypes
import collections
import ctypes

import spprof.memprof as memprof


class Library:
    def __init__(self, path, name):
        self.loaded, self.name = ctypes.CDLL(path), name
        self.outer, self.keep, self.leave = map(self.function, ("outer", "keep", "leave"))

    def function(self, which):
        found = getattr(self.loaded, f"{self.name}_{which}")
        found.argtypes, found.restype = [ctypes.c_size_t], ctypes.c_void_p
        return found

    def address(self):
        return ctypes.cast(self.outer, ctypes.c_void_p).value

    def unload(self):
        _ctypes.dlclose(self.loaded._handle)


def stacks():
    found = collections.defaultdict(list)
    for sample in memprof.get_snapshot().samples:
        found[sample.size].append(sample.stack)
    return found


def expect_leaf(stacks, size, name):
    for stack in stacks[size] or [()]:
        assert [frame.function for frame in stack[:2]] == [f"{name}_inner", f"{name}_outer"], (size, name, stack)
        assert [frame.function for frame in stack if frame.is_python][-1] == "<module>", stack
