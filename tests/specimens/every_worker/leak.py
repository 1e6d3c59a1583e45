"""The work of one worker among many. The leaking one keeps the amount that the tests look for."""

from __future__ import annotations

import os

BLOCK, COUNT = 1_000_000, 60
kept: list[bytes] = []


def leak() -> int:
    """Keep 60 MB, and return the process's id."""
    for _ in range(COUNT):
        kept.append(b"x" * BLOCK)
    return os.getpid()


def task(number: int) -> int:
    """Run one of many tasks, only one of which leaks. Return the process's id if this one does."""
    return leak() if number == 7 else 0
