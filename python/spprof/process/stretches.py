"""Stretches of addresses: which ones are already assigned to a part, and how much of each is in memory."""

from __future__ import annotations

from bisect import bisect_right

from spprof import _engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Taken:
    """The stretches that are already assigned to a part, by address."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start: int, end: int) -> None:
        """Assign a stretch that is still free. Stretches may be added in any order."""
        at = bisect_right(self._starts, start)
        self._starts.insert(at, start)
        self._ends.insert(at, end)

    def left_of(self, start: int, end: int) -> Iterable[tuple[int, int]]:
        """Yield the parts of [start, end) that are still free."""
        at = max(bisect_right(self._starts, start) - 1, 0)
        while at < len(self._starts) and self._starts[at] < end:
            if self._ends[at] > start:
                if self._starts[at] > start:
                    yield start, self._starts[at]
                start = self._ends[at]
            at += 1
        if start < end:
            yield start, end


def bytes_in_memory(start: int, end: int) -> int:
    """Return how many bytes of [start, end) are in memory; 0 if unknown."""
    return _engine.resident_of([(start, end)])[0]
