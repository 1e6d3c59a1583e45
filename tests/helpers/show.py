"""Prints the stacks of the live blocks that `bytearray(size)` allocated, for each size, as [function, is Python]."""

import json

from asked_for import BESIDE_A_BYTEARRAY
from spprof import memprof


def show(*sizes):
    stacks = {
        sample.size - BESIDE_A_BYTEARRAY: [[frame.function, frame.is_python] for frame in sample.stack]
        for sample in memprof.get_snapshot().samples
    }
    print(json.dumps([stacks[size] for size in sizes]))
