"""The writers' view of a profile: stacks with weights, in columns or in charts.

    Profile ─► stacks, each once ─► columns: in use: bytes │ in use: objects │ allocated: bytes │ …
                                 └► charts:  MainThread (4711) │ worker (4712) │ …   of a CPU profile, else the columns

``profile_stacks.py`` makes these from a ``pprof.Profile``.
"""

from __future__ import annotations

from spprof.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spprof.pprof.profile import Column
    from spprof.results import Frame


class StackTotals(NamedTuple):
    """One stack as writers see it."""

    frames: tuple[Frame, ...]
    """Leaf first."""
    weights: tuple[int, ...]
    """One for each column."""


class Chart(NamedTuple):
    """Stacks with one weight each, in the order in which viewers show them."""

    name: str
    unit: str
    stacks: Sequence[tuple[tuple[Frame, ...], int]]
    """Frames leaf first, and the weight in ``unit``."""


def by_column(columns: Sequence[Column], totals: Sequence[StackTotals]) -> list[Chart]:
    """Return one chart per column."""
    return [
        Chart(column.title, column.unit, [(stack.frames, stack.weights[which]) for stack in totals])
        for which, column in enumerate(columns)
    ]


def by_thread(unit: str, stacks_of: dict[tuple[str, int], list[tuple[tuple[Frame, ...], int]]]) -> list[Chart]:
    """Return a chart for each (name, id) of a thread, those with the most weight first. Id 0: no single thread."""
    charts = [Chart(thread_text(*thread), unit, stacks) for thread, stacks in stacks_of.items()]
    return sorted(charts, key=lambda chart: (-_whole(chart.stacks), chart.name))


def thread_text(name: str, thread_id: int) -> str:
    """Format a thread: ``"MainThread (4711)"``."""
    return f"{name} ({thread_id})" if thread_id else name or "no single thread"


def _whole(stacks: Iterable[tuple[tuple[Frame, ...], int]]) -> int:
    return sum(weight for _, weight in stacks)
