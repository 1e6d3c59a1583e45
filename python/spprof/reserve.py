"""Memory that is kept for what a profile needs when the program has used up its own: the very moment to look at it."""

from __future__ import annotations

from spprof import _engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Result = TypeVar("Result")


def with_reserve(work: Callable[..., Result], *arguments: Any) -> Result:
    """Return what ``work`` returns for the arguments.

    If it meets a MemoryError it is called once more, with the reserve given back; of what is left then a new reserve is
    made. MemoryError: that is not enough, or there is none.
    """
    try:
        return work(*arguments)
    except MemoryError:
        if not _engine.give_reserve_back():
            raise
    try:  # behind the handler: what the first try held is free now
        return work(*arguments)
    finally:
        _engine.take_reserve()


def without_reserve(work: Callable[..., Result], *arguments: Any) -> Result:
    """The same for what cannot be done twice: the reserve is given back before it."""
    _engine.give_reserve_back()
    try:
        return work(*arguments)
    finally:
        _engine.take_reserve()
