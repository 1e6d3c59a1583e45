"""A program that is stuck below more calls than are kept."""

from __future__ import annotations

import sys

import asking
from spprof import _engine


def descend(depth: int) -> None:
    if depth == 0:
        asking.stuck()
    descend(depth - 1)  # again


sys.setrecursionlimit(10000)
_engine.prepare_stacks()
asking.begin("get_stuck")
descend(1500)
