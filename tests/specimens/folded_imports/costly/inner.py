"""Hold two million bytes."""

block = bytearray(2_000_000)


def held() -> int:
    """Return the bytes that this module holds."""
    return len(block)
