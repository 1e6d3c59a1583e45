"""The types of the rows that users get as plain dicts. This module is loaded on demand, since only type checkers need
it.
"""

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
    """The innermost native function beneath that line; None if the line itself allocated."""
    resident_bytes: int | None
    """Estimated bytes that are resident in memory; None if unknown."""


class TopMapping(TypedDict):
    """One row of ``HeapSnapshot.top_mappings``: a site and the memory that it mapped. A plain dict at run time."""

    kind: str
    """``"mapped"``."""
    function: str
    file: str
    line: int
    mapped_bytes: int
    """Address space, whole pages."""
    resident_bytes: int | None
    """Bytes of it that are in memory; None if the kernel does not report them."""
    mapping_count: int
    native_function: str | None
    """The innermost native function beneath that line; None if the line itself mapped."""


class TopFunction(TypedDict):
    """One row of ``Profile.top_functions``. A plain dict at run time."""

    function: str
    file: str
    line: int
    """The function's line that used the most time excluding calls; if the function only called others, the line that
    used the most time including calls.
    """
    own_ns: int
    """Time used by the function itself and by the native code beneath it."""
    total_ns: int
    """Time used by the function and everything that it called."""
    own_percent: float
    """As a percentage of the whole profile."""
    total_percent: float
