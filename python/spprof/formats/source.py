"""Charts: what viewers that draw one chart at a time are given.

HeapSnapshot ─► bytes in use │ objects in use │ bytes allocated │ objects allocated      one for each column
CPU profile  ─► MainThread (4711) │ worker (4712) │ …                                    one for each thread
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spprof.heap.snapshot import Column, StackTotals
    from spprof.results import Frame


class Chart(NamedTuple):
    """Stacks with a weight each, in the order in which they are drawn."""

    name: str
    unit: str
    stacks: Sequence[tuple[tuple[Frame, ...], int]]
    """Frames leaf first, and the weight in ``unit``."""


def by_column(columns: Sequence[Column], totals: Sequence[StackTotals]) -> list[Chart]:
    """A chart for each column."""
    return [
        Chart(name, unit, [(stack.frames, stack.weights[which]) for stack in totals])
        for which, (name, unit) in enumerate(columns)
    ]


def by_thread(unit: str, stacks_of: dict[tuple[str, int], list[tuple[tuple[Frame, ...], int]]]) -> list[Chart]:
    """A chart for each (name, id) of a thread, those with the most weight first. Id 0: no single thread."""
    charts = [Chart(thread_text(*thread), unit, stacks) for thread, stacks in stacks_of.items()]
    return sorted(charts, key=lambda chart: (-_whole(chart.stacks), chart.name))


def thread_text(name: str, thread_id: int) -> str:
    """A thread for people: ``"MainThread (4711)"``."""
    return f"{name} ({thread_id})" if thread_id else name or "no single thread"


def _whole(stacks: Iterable[tuple[tuple[Frame, ...], int]]) -> int:
    return sum(weight for _, weight in stacks)
