"""A profile as the writers of stacks see it: every stack once, with a weight for each sample type.

    columns: default sample type, then the others from the last to the first        weights: in the same order

For a heap profile that is bytes in use, objects in use, bytes allocated, objects allocated: the order of a snapshot.
"""

from __future__ import annotations

from operator import add
from typing import TYPE_CHECKING

from spprof.model import Frame
from spprof.pprof.profile import HEAP_TYPES
from spprof.snapshot import StackTotals

if TYPE_CHECKING:
    from spprof.pprof.profile import Profile
    from spprof.snapshot import Column

_HEAP_NAMES = dict(zip(HEAP_TYPES, ("allocated: objects", "allocated: bytes", "in use: objects", "in use: bytes")))

_NO_STACK = (Frame("<no stack>", "", 0, 0, False),)


class Stacked:
    """Gives the writers what they take from a snapshot."""

    def __init__(self, profile: Profile) -> None:
        first = profile.default_index
        others = [index for index in reversed(range(len(profile.sample_types))) if index != first]
        self._profile = profile
        self._order = [first, *others]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Name and unit of each weight."""
        types = [self._profile.sample_types[index] for index in self._order]
        return tuple((_HEAP_NAMES.get(value_type, value_type.type), value_type.unit) for value_type in types)

    def stack_totals(self) -> list[StackTotals]:
        """Every stack, root-most names first in order."""
        sums: dict[tuple[int, ...], list[int]] = {}
        for sample in self._profile.samples:
            known = sums.get(sample.stack)
            if known is None:
                sums[sample.stack] = list(sample.values)
            else:
                known[:] = map(add, known, sample.values)
        rows = [
            StackTotals(self._profile.frames(stack) or _NO_STACK, tuple(values[index] for index in self._order))
            for stack, values in sums.items()
        ]
        return sorted(rows, key=lambda row: [(frame.function, frame.file, frame.line) for frame in row.frames[::-1]])
