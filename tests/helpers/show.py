"""Prints the stacks of the live blocks that `bytearray(size)` made, for each size, as [function, is Python]."""

import json

from spprof import memprof

BYTEARRAY_ENDS_WITH_ZERO = 1


def show(*sizes):
    stacks = {
        sample.size - BYTEARRAY_ENDS_WITH_ZERO: [[frame.function, frame.is_python] for frame in sample.stack]
        for sample in memprof.get_snapshot().samples
    }
    print(json.dumps([stacks[size] for size in sizes]))
