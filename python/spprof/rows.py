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
    resident_bytes: int | None
    """How much of the estimate is in memory, estimated; None where it is not known."""


class TopMapping(TypedDict):
    """One row of ``HeapSnapshot.top_mappings``: a site and what it has mapped. A plain dict at run time."""

    kind: str
    """``"mapped"``."""
    function: str
    file: str
    line: int
    mapped_bytes: int
    """Address space, whole pages."""
    resident_bytes: int | None
    """How much of it is in memory; None where the kernel does not tell."""
    mapping_count: int
    native_function: str | None
    """The innermost native function beneath that line; None where the line itself mapped."""


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
