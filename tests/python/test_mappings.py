"""The program's own mappings are listed with the line that made them, and nothing is listed twice."""

from __future__ import annotations

import pytest
from child import Child
from specimens import specimen

WAYS = ["patch", "preload"]


@pytest.mark.parametrize("way", WAYS)
def test_a_mapping_names_the_line_that_made_it(child: Child, way: str) -> None:
    """The mapping is made by a module that is imported after the start."""
    assert child.run(specimen("mappings/names_its_line"), way, preload=way == "preload") == f"{way}\n"


@pytest.mark.parametrize("way", WAYS)
def test_shared_memory_is_listed_while_it_is_open(child: Child, way: str) -> None:
    child.run(specimen("mappings/shared_memory_is_listed"), way, preload=way == "preload")


@pytest.mark.parametrize("way", WAYS)
def test_arenas_and_our_own_memory_are_no_mappings(child: Child, way: str) -> None:
    child.run(specimen("mappings/leaves_out_pools_and_itself"), way, preload=way == "preload")


@pytest.mark.parametrize("way", WAYS)
def test_a_forked_child_lists_what_it_inherited_and_its_own(child: Child, way: str) -> None:
    child.run(specimen("mappings/children_go_on"), way, preload=way == "preload")


def test_with_native_off_no_mapping_is_listed(child: Child) -> None:
    told = child.run("""
        import mmap
        import spprof.memprof as memprof
        from spprof import _engine
        memprof.start(512, native="off")
        memory = mmap.mmap(-1, 50_000_000)
        print(_engine.mappings(), _engine.mapping_stats()["made"])
    """)
    assert told == "(b'', {}) 0\n"
