"""How many bytes CPython asks its allocators for."""

import sys

BESIDE_A_BYTEARRAY = sys.getsizeof(b"") if sys.version_info >= (3, 15) else 1


def bytearray_size(length):
    """For the contents of bytearray(length), of at least one byte: a zero ends them, and from 3.15 on a bytes object
    holds them."""
    return length + BESIDE_A_BYTEARRAY
