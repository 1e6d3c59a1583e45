"""Numbers frames as the locations of a profile, and stacks as the numbers of their frames.

(Frame, Frame, …) ─► (3, 0, 7)    rows: Location 0, 1, 2, …    stacks: each once
"""

from __future__ import annotations

from struct import pack

from spprof.pprof.profile import Location
from spprof.records import replace
from spprof.text import spelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from spprof.pprof.mappings import Mappings
    from spprof.results import Frame

Stack = tuple[int, ...]
"""Indices of locations, leaf first."""


class Locations:
    """Numbers frames. Stacks share frame objects, so most frames are recognized by identity."""

    def __init__(self, mappings: Mappings) -> None:
        self._mappings = mappings
        self.rows: list[Location] = []
        self._index_of_object: dict[int, int] = {}
        self._index: dict[Frame, int] = {}
        self.stacks: list[Stack] = []
        self._numbers: dict[Stack, int] = {}

    def stack_number(self, frames: tuple[Frame, ...]) -> int:
        """Return the index in ``stacks`` of the stack with these frames. Stacks whose frames read the same have the
        same index.
        """
        known = self._index_of_object
        try:
            stack = tuple(map(known.__getitem__, map(id, frames)))
        except KeyError:
            stack = tuple(map(self._index_of, frames))
        number = self._numbers.setdefault(stack, len(self.stacks))
        if number == len(self.stacks):
            self.stacks.append(stack)
        return number

    def own_number(self, frames: tuple[Frame, ...]) -> int:
        """Like ``stack_number``, but return a number that no other call returns."""
        stack = self.stacks[self.stack_number(frames)]
        self.stacks.append(stack)
        return len(self.stacks) - 1

    def _index_of(self, frame: Frame) -> int:
        index = self._index_of_object.get(id(frame))
        if index is None:
            index = self._index_slow(frame)
        return index

    def _index_slow(self, frame: Frame) -> int:
        index = self._index.get(frame)
        if index is None:
            index = self._index[frame] = len(self.rows)
            self.rows.append(self._location(frame))
        # Only the frame that the row keeps stays alive. The id of any other object may later belong to a different
        # frame.
        kept = self.rows[index].frames[0]
        if kept is frame:
            self._index_of_object[id(frame)] = index
        return index

    def _location(self, frame: Frame) -> Location:
        """Return the location of a frame. A native frame has its return address; the call is just before it."""
        if "\\x" in frame.file:
            frame = replace(frame, file=spelled(frame.file))
        if frame.address == 0:
            return Location((frame,), -1, 0)
        return Location((frame,), self._mappings.index_of(frame.address - 1), frame.address - 1)


def by_callers(stacks: Sequence[Stack]) -> list[int]:
    """Return the indices of the stacks, sorted so that stacks with the same callers are adjacent, which compresses
    well.
    """
    keys = [pack(f"{len(stack)}I", *stack[::-1]) for stack in stacks]
    return sorted(range(len(keys)), key=keys.__getitem__)
