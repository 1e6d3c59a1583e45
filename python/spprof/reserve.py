"""Memory kept in reserve, so that a profile can still be read when the program has run out of memory: that is when a
profile matters most.
"""

from __future__ import annotations

from spprof import _engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Result = TypeVar("Result")


def with_reserve(work: Callable[..., Result], *arguments: Any) -> Result:
    """Return ``work(*arguments)``.

    On a MemoryError, release the reserve and call it once more; afterwards, take a new reserve from what is left.
    MemoryError: that was not enough, or there is no reserve.
    """
    try:
        return work(*arguments)
    except MemoryError:
        if not _engine.give_reserve_back():
            raise
    try:  # outside the handler: what the first attempt held is free now
        return work(*arguments)
    finally:
        _engine.take_reserve()


def without_reserve(work: Callable[..., Result], *arguments: Any) -> Result:
    """Like ``with_reserve``, for work that cannot be repeated: release the reserve first."""
    _engine.give_reserve_back()
    try:
        return work(*arguments)
    finally:
        _engine.take_reserve()
