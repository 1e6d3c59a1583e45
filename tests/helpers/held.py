"""Prints the Python frames of the live blocks that `bytearray(size)` allocated, for each requested size."""

import json
import linecache

from asked_for import bytearray_size
from spprof import _engine, memprof


def samples_of(size):
    return [sample for sample in memprof.get_snapshot().samples if sample.size == size]


def python_frames(sample):
    return [frame for frame in sample.stack if frame.is_python or frame.function == "<cut>"]


def stack_of(size):
    (sample,) = samples_of(bytearray_size(size))
    return python_frames(sample)


def words_of(size):
    """Return the number of words that the engine stores for the stack, including those of native frames."""
    snapshot = memprof.get_snapshot()
    ids = [record[6] for record in snapshot.records() if record[1] == bytearray_size(size)]
    return len(_engine.stack(*ids)[0])


def tell(*sizes):
    told = {
        size: [(frame.function, linecache.getline(frame.file, frame.line).strip()) for frame in stack_of(size)]
        for size in sizes
    }
    print(json.dumps(told))
