"""The types of rows that people get as plain dicts. Only type checkers need them, so they are imported on request."""

from __future__ import annotations

from typing import TypedDict


class TopAllocator(TypedDict):
    """One row of ``HeapSnapshot.top_allocators``: a site and its live blocks. A plain dict at run time."""

    function: str
    file: str
    line: int
    estimated_bytes: int
    estimated_objects: int
    sample_count: int
    low_bytes: int
    """Lower end of the 95 % interval of the bytes."""
    high_bytes: int
    """Upper end of the 95 % interval of the bytes."""
    native_function: str | None
    """The innermost native function beneath that line; None where the line itself allocated."""


class TopFunction(TypedDict):
    """One row of ``Profile.top_functions``. A plain dict at run time."""

    function: str
    file: str
    line: int
    """The line of it that used most itself; where it only called others, most with them."""
    own_ns: int
    """Used by the function itself and by the native code beneath it."""
    total_ns: int
    """Used by it and by all that it called."""
    own_percent: float
    """Of the whole profile."""
    total_percent: float
