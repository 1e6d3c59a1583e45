"""How many bytes CPython requests from its allocators."""

import sys

BESIDE_A_BYTEARRAY = sys.getsizeof(b"") if sys.version_info >= (3, 15) else 1


def bytearray_size(length):
    """Return the bytes requested for the contents of bytearray(length), length >= 1. A terminating zero is included,
    and from 3.15 on a bytes object holds the contents.
    """
    return length + BESIDE_A_BYTEARRAY
