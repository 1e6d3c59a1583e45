"""Functions that are created and discarded, and which block each of them allocates."""

import types

from asked_for import bytearray_size
from spprof import memprof

PROBE = 1234567


def leaf(size):
    return bytearray(size)


def middle(function, size):
    return function(size)


def make(like, name, file, line):
    """Return a function like `like` whose body is at `line` of `file`. Its code has the same size as all others made
    from `like`, and dies with the function, so the next one takes its address.
    """
    names = {"co_name": name, "co_filename": file, "co_firstlineno": line - 1}
    if hasattr(like.__code__, "co_qualname"):
        names["co_qualname"] = name
    return types.FunctionType(like.__code__.replace(**names), like.__globals__)


def python_frames(sample):
    return [(frame.function, frame.file, frame.line) for frame in sample.stack if frame.is_python]


def samples_by_size():
    """Key samples by their bytearray's length. Debug allocators add up to 48 bytes to the request (asked_for.py)."""
    probe = bytearray(PROBE)
    samples = memprof.get_snapshot().samples
    (beside,) = [sample.size - PROBE for sample in samples if PROBE <= sample.size <= bytearray_size(PROBE) + 48]
    return {sample.size - beside: sample for sample in samples}


def check(wanted):
    """Check the top frame of each block. `wanted` maps the size of the block to (function, file, line)."""
    found = {size: python_frames(sample)[0] for size, sample in samples_by_size().items() if size in wanted}
    wrong = {size: (found.get(size), want) for size, want in wanted.items() if found.get(size) != want}
    assert not wrong, (len(wrong), sorted(wrong.items())[:5])


class Reuse:
    """Counts code objects at an address that previously belonged to one with a different name."""

    def __init__(self):
        self.last = {}
        self.count = 0
        self.by_another_thread = 0

    def meet(self, code, thread=0):
        name, other = self.last.get(id(code), (code.co_name, thread))
        self.last[id(code)] = (code.co_name, thread)
        self.count += name != code.co_name
        self.by_another_thread += other != thread
