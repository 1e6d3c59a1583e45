"""Holds two million bytes."""

block = bytearray(2_000_000)


def held() -> int:
    """What this module holds, in bytes."""
    return len(block)
