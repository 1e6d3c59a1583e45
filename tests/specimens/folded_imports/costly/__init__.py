"""Hold a million bytes, and import a module that holds two million more."""

from costly import inner

block = bytearray(1_000_000)


def held() -> int:
    """Return the bytes that this package holds."""
    return len(block) + inner.held()
