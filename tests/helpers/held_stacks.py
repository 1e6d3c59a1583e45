"""Runs a program that keeps its blocks alive, and returns the stacks that allocated them. Each block is identified by
its size.

held_stacks(child, program) ─► {size: [(function, source line), …]}   leaf first, Python frames only

The program imports ``held``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from child import Child

HAS_QUALIFIED_NAMES = sys.version_info >= (3, 11)
HAS_INLINED_CALLS = sys.version_info >= (3, 11)
HAS_INLINED_COMPREHENSIONS = sys.version_info >= (3, 12)

Stack = list[tuple[str, str]]


def held_stacks(child: Child, program: str | Path, *, preload: bool = False) -> dict[int, Stack]:
    told = json.loads(child.run(program, preload=preload))
    return {int(size): [(function, line) for function, line in stack] for size, stack in told.items()}


def name(qualified: str) -> str:
    return qualified if HAS_QUALIFIED_NAMES else qualified.rpartition(".")[2]
