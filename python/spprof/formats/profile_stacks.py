"""A profile as writers see it: every stack once, with a weight for each sample type.

    columns: the default sample type, then the others from the last to the first, then those of the peak, then those of
             mappings and of resident memory
    weights: in the same order
    charts:  a CPU profile's threads, else the columns

For a heap profile the columns are bytes in use, objects in use, bytes allocated, objects allocated, bytes and objects
at the peak; and, if known, bytes resident, bytes mapped and objects mapped.
"""

from __future__ import annotations

from itertools import chain
from operator import add

from spprof.formats.source import StackTotals, by_column, by_thread
from spprof.pprof.profile import MAPPED_TYPES, PEAK_TYPES, RESIDENT_SPACE, THREAD, THREAD_ID, column_of
from spprof.results import Frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.formats.source import Chart
    from spprof.pprof.profile import Column, Label, Profile

_LAST = {**dict.fromkeys(PEAK_TYPES, 1), **dict.fromkeys((*MAPPED_TYPES, RESIDENT_SPACE), 2)}

_NO_STACK = (Frame("<no stack>", "", 0, 0, False),)


class ProfileStacks:
    """The stacks of ``profile``. Stacks that read the same (function, file and line of each frame) are merged."""

    def __init__(self, profile: Profile) -> None:
        first = profile.default_index
        others = [index for index in reversed(range(len(profile.sample_types))) if index != first]
        others.sort(key=lambda index: _LAST.get(profile.sample_types[index], 0))
        self._profile = profile
        self._order = [first, *others]

    @property
    def title(self) -> str:
        """A short title for the profile."""
        profile = self._profile
        return (
            "spprof heap profile" if profile.is_heap else f"spprof {profile.sample_types[self._order[0]].type} profile"
        )

    @property
    def columns(self) -> tuple[Column, ...]:
        """The meaning of each weight."""
        return tuple(column_of(self._profile.sample_types[index]) for index in self._order)

    def totals(self) -> list[StackTotals]:
        """Return every stack, sorted by frame names from the root."""
        sums: dict[tuple[int, ...], list[int]] = {}
        for sample in self._profile.samples:
            known = sums.get(sample.stack)
            if known is None:
                sums[sample.stack] = list(sample.values)
            else:
                known[:] = map(add, known, sample.values)
        merged: dict[tuple[int, ...], tuple[tuple[int, ...], list[int]]] = {}
        ranks = self._ranks()
        for stack, values in sums.items():
            key = tuple(chain.from_iterable(map(ranks.__getitem__, stack[::-1])))
            row = merged.get(key)
            if row is None:
                merged[key] = stack, values
            else:
                row[1][:] = map(add, row[1], values)
        rows = (merged[key] for key in sorted(merged))
        return [StackTotals(self._frames(stack), tuple(map(values.__getitem__, self._order))) for stack, values in rows]

    def _ranks(self) -> list[tuple[int, ...]]:
        """Return, for each location, the ranks of its frames, root first, among all sorted (function, file, line).
        Comparing stacks by these numbers costs a fraction of comparing names.
        """
        names = [
            [(frame.function, frame.file, frame.line) for frame in reversed(frames)]
            for frames in self._profile.frames_by_location
        ]
        rank_of = {name: rank for rank, name in enumerate(sorted({name for some in names for name in some}))}
        return [tuple(map(rank_of.__getitem__, some)) for some in names]

    def charts(self) -> list[Chart]:
        """Return a chart for each thread of a CPU profile that has threads, else a chart for each column."""
        profile = self._profile
        if profile.time_index < 0 or not any(sample.labels for sample in profile.samples):
            return by_column(self.columns, self.totals())
        stacks_of: dict[tuple[str, int], list[tuple[tuple[Frame, ...], int]]] = {}
        frames_of = {stack: self._frames(stack) for stack in {sample.stack for sample in profile.samples}}
        for sample in profile.samples:
            weighed = frames_of[sample.stack], sample.values[profile.time_index]
            stacks_of.setdefault(_thread(sample.labels), []).append(weighed)
        return by_thread(profile.sample_types[profile.time_index].unit, stacks_of)

    def _frames(self, stack: tuple[int, ...]) -> tuple[Frame, ...]:
        return self._profile.frames(stack) or _NO_STACK


def _thread(labels: tuple[Label, ...]) -> tuple[str, int]:
    """Return the name and id of a sample's thread."""
    name = next((label.text for label in labels if label.key == THREAD and label.text), "")
    return name, next((label.number for label in labels if label.key == THREAD_ID), 0)
