"""What one worker of many does: it keeps as much as the tests look for."""

from __future__ import annotations

import os

BLOCK, COUNT = 1_000_000, 60
kept: list[bytes] = []


def leak() -> int:
    """Keeps 60 MB, and returns the process's id."""
    for _ in range(COUNT):
        kept.append(b"x" * BLOCK)
    return os.getpid()


def task(number: int) -> int:
    """A task of many, of which one leaks. Returns the process's id if it does."""
    return leak() if number == 7 else 0
