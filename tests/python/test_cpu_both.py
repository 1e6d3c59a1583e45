"""Both profilers run at once, with the shortest sampling intervals, on threads that do nothing but allocate."""

from __future__ import annotations

import pytest
from child import Spender
from specimens import specimen


@pytest.mark.parametrize("native", [False, True], ids=["", "native"])
def test_both_profilers_share_one_engine(spender: Spender, native: bool):
    """A tick inside the heap profiler is counted and skipped. No CPU time and no block is lost."""
    spender.run(specimen("cpu_both/both_profilers_share_one_engine"), "native" if native else "python")


def test_ticks_inside_the_heap_profiler_are_counted(spender: Spender):
    """Every allocation is sampled, so most of the time is spent in the heap profiler."""
    spender.run(specimen("cpu_both/ticks_inside_the_heap_profiler_are_counted"))


def test_starting_and_stopping_while_threads_work(spender: Spender):
    """Both profilers are started and stopped a hundred times each, in turn and from separate threads."""
    spender.run(specimen("cpu_both/starting_and_stopping_while_threads_work"))
