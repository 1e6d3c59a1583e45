"""A program whose blocks are held, and the stacks that made them: each block is known by its size.

held_stacks(child, program) ─► {size: [(function, source line), …]}   leaf first, Python frames only

The program imports ``held``, which stands in its folder.
"""

from __future__ import annotations

import json
import sys

from child import Child

HAS_QUALIFIED_NAMES = sys.version_info >= (3, 11)
HAS_INLINED_CALLS = sys.version_info >= (3, 11)
HAS_INLINED_COMPREHENSIONS = sys.version_info >= (3, 12)

HELD = '''
"""Prints the Python frames of the live blocks that `bytearray(size)` made, for each size asked for."""

import json
import linecache

from spprof import _engine, memprof

BYTEARRAY_ENDS_WITH_ZERO = 1


def samples_of(size):
    return [sample for sample in memprof.get_snapshot().samples if sample.size == size]


def python_frames(sample):
    return [frame for frame in sample.stack if frame.is_python or frame.function == "<cut>"]


def stack_of(size):
    (sample,) = samples_of(size + BYTEARRAY_ENDS_WITH_ZERO)
    return python_frames(sample)


def words_of(size):
    """How many words the engine keeps of the stack, native frames and all."""
    snapshot = memprof.get_snapshot()
    ids = [record[6] for record in snapshot.records() if record[1] == size + BYTEARRAY_ENDS_WITH_ZERO]
    return len(_engine.stack(*ids)[0])


def tell(*sizes):
    told = {
        size: [(frame.function, linecache.getline(frame.file, frame.line).strip()) for frame in stack_of(size)]
        for size in sizes
    }
    print(json.dumps(told))
'''

Stack = list[tuple[str, str]]


def held_stacks(child: Child, program: str, *, preload: bool = False) -> dict[int, Stack]:
    told = json.loads(run(child, program, preload=preload))
    return {int(size): [(function, line) for function, line in stack] for size, stack in told.items()}


def run(child: Child, program: str, *, preload: bool = False) -> str:
    (child.folder / "held.py").write_text(HELD, encoding="utf-8")
    return child.run(program, preload=preload)


def name(qualified: str) -> str:
    return qualified if HAS_QUALIFIED_NAMES else qualified.rpartition(".")[2]
