"""Results that are computed once per frame: millions of stack entries refer to a few thousand frames.

    stack ─► id of each frame ─► known? ─► (result, result, …)
                                  └─ no: work(frame), and keep both

Stacks share the frame objects of their callers, and comparing identities costs a fraction of hashing contents. The
result is computed separately for frames that are equal but not identical. Threads: one at a time.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Generic, TypeVar

    from spprof.results import Frame

    Result = TypeVar("Result")
else:
    Result, Generic = "Result", {"Result": object}


class PerFrame(Generic[Result]):
    """The results of ``work`` for the frames of stacks."""

    def __init__(self, work: Callable[[Frame], Result]) -> None:
        self._work = work
        self._known: dict[int, Result] = {}
        self._kept: list[Frame] = []  # so that no other frame gets the id of one that is gone

    def of(self, frames: tuple[Frame, ...]) -> tuple[Result, ...]:
        """Return the results in the order of the frames."""
        try:
            return tuple(map(self._known.__getitem__, map(id, frames)))
        except KeyError:
            return tuple(map(self._of_one, frames))

    def _of_one(self, frame: Frame) -> Result:
        if id(frame) not in self._known:
            self._known[id(frame)] = self._work(frame)
            self._kept.append(frame)
        return self._known[id(frame)]
