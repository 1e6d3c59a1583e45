"""Holds a million bytes, and imports what holds two more."""

from costly import inner

block = bytearray(1_000_000)


def held() -> int:
    """What this package holds, in bytes."""
    return len(block) + inner.held()
