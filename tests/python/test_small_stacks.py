"""Threads whose stacks, or alternate signal stacks, are too small for a tick get none, and are counted.

If the machine's signals fit, such threads are sampled like others. Either way, the programs end as they would without
spprof.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from child import Child
from native import compile_library
from specimens import FOLDER, specimen


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("stacks")
    library: Path = compile_library(FOLDER / "small_stacks/stacks.c", folder / "stacks.so", "-pthread")
    return {"STACKS": str(library)}


@pytest.mark.parametrize("where", ["main", "thread"])
@pytest.mark.parametrize("mode", ["cpu", "wall"])
@pytest.mark.parametrize("how", ["linked", "found before, preloaded", "found after", "linked, preloaded"])
def test_a_thread_whose_signal_stack_is_too_small_gets_no_tick(
    child: Child, environment: dict[str, str], how: str, mode: str, where: str
) -> None:
    """The first tick in such a thread would end the program, because the kernel has no room for the signal."""
    way, _, preloaded = how.partition(", ")
    program = specimen("small_stacks/set_by_any_way")
    child.run(program, way, mode, where, preload=bool(preloaded), environment=environment)


@pytest.mark.parametrize("mode", ["cpu", "wall"])
@pytest.mark.parametrize("where", ["main", "thread"])
def test_a_signal_stack_from_before_the_start_is_known(
    child: Child, environment: dict[str, str], where: str, mode: str
) -> None:
    """The engine queries the starting thread. If preloaded, the library sees what other threads set."""
    program = specimen("small_stacks/set_before_the_start")
    child.run(program, where, mode, preload=where == "thread", environment=environment)


@pytest.mark.parametrize("mode", ["cpu", "wall"])
def test_threads_with_small_stacks_are_not_sampled(child: Child, environment: dict[str, str], mode: str) -> None:
    told = child.run(specimen("small_stacks/threads_with_small_stacks"), mode, environment=environment)
    threads, counted = map(int, told.split())
    assert counted == threads
