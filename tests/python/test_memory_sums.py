"""What the parts of the memory that is resident add up to, beside each allocator's own count."""

from __future__ import annotations

import json
import sys

import pytest
from child import Child, library_path
from native import compile_library
from specimens import FOLDER, specimen
from test_counted_once import foreign_libraries

Growth = dict[str, int]
FOREIGN = foreign_libraries()
PYTHON_MALLOCS = ["pymalloc", "malloc", "pymalloc_debug", "malloc_debug"]
MIMALLOCS = ["mimalloc", "mimalloc_debug"] if sys.version_info >= (3, 13) else []


def grown(child: Child, *words: object, **environment: str) -> tuple[Growth, Growth]:
    """What each part grew by with all blocks, and with half of them."""
    program = specimen("memory_sums/grown")
    whole, half = json.loads(child.run(program, *map(str, words), environment=environment))
    return whole, half


def assert_explained(growth: Growth) -> None:
    """Within 5 %."""
    assert growth["rss"] > 64 << 20
    assert abs(growth["rest"]) * 20 <= growth["rss"], growth


def assert_about(size: int, expected: int) -> None:
    assert abs(size - expected) * 10 <= expected, (size, expected)


@pytest.mark.parametrize("profiled", ["plain", "profiled"])
@pytest.mark.parametrize("name", ["jemalloc", "tcmalloc"])
def test_another_mallocs_own_count_says_what_is_free(child: Child, name: str, profiled: str) -> None:
    if name not in FOREIGN:
        pytest.skip(f"{name} is not on this machine")
    whole, half = grown(child, 1000, 100_000, profiled, LD_PRELOAD=FOREIGN[name])
    assert_explained(whole)
    assert_explained(half)
    assert_about(whole["native_blocks"], 100_000_000)
    assert_about(half["native_blocks"], whole["native_blocks"] // 2)
    assert_about(half["malloc_free"], whole["native_blocks"] // 2)


def test_behind_the_preloaded_profiler_another_malloc_is_asked(child: Child) -> None:
    if "jemalloc" not in FOREIGN:
        pytest.skip("jemalloc is not on this machine")
    _, half = grown(child, 1000, 100_000, "profiled", LD_PRELOAD=f"{library_path()}:{FOREIGN['jemalloc']}")
    assert_explained(half)
    assert_about(half["malloc_free"], 50_000_000)


@pytest.mark.parametrize("profiled", ["plain", "profiled"])
def test_all_of_a_malloc_that_says_nothing_counts_as_in_use(child: Child, profiled: str) -> None:
    if "mimalloc" not in FOREIGN:
        pytest.skip("mimalloc is not on this machine")
    whole, half = grown(child, 1000, 100_000, profiled, LD_PRELOAD=FOREIGN["mimalloc"])
    assert_explained(whole)
    assert_explained(half)
    assert_about(whole["native_blocks"], 100_000_000)
    assert "malloc_free" not in half


@pytest.mark.parametrize("size", [200, 1000])
@pytest.mark.parametrize("malloc", PYTHON_MALLOCS)
def test_blocks_are_explained_whatever_serves_them(child: Child, malloc: str, size: int) -> None:
    whole, half = grown(child, size, 100_000_000 // size, "profiled", PYTHONMALLOC=malloc)
    assert_explained(whole)
    assert_explained(half)
    used = "python_objects" if size < 512 and malloc.startswith("pymalloc") else "native_blocks"
    free = "pymalloc_free" if used == "python_objects" else "malloc_free"
    assert whole[used] >= 100_000_000
    assert_about(half[used], whole[used] // 2)
    assert_about(half[free], whole[used] // 2)


@pytest.mark.parametrize("profiled", ["plain", "profiled"])
@pytest.mark.parametrize("malloc", MIMALLOCS)
def test_pythons_mimalloc_counts_as_in_use(child: Child, malloc: str, profiled: str) -> None:
    whole, half = grown(child, 1000, 100_000, profiled, PYTHONMALLOC=malloc)
    assert_explained(whole)
    assert_explained(half)
    assert whole["python_objects"] >= 100_000_000


@pytest.mark.parametrize("malloc", ["pymalloc", "pymalloc_debug"])
@pytest.mark.parametrize("state", ["fresh", "used", "half", "freed"])
def test_pools_are_as_python_itself_counts_them(child: Child, state: str, malloc: str) -> None:
    """Between the two counts a few objects come and go."""
    said = child.run(specimen("memory_sums/pools"), state, environment={"PYTHONMALLOC": malloc})
    (used, arenas), (our_used, our_arenas, resident) = json.loads(said)
    assert abs(used - our_used) <= 4096
    assert arenas == our_arenas
    assert our_used <= resident


def test_without_pools_there_are_none(child: Child) -> None:
    said = child.run(specimen("memory_sums/pools"), "used", environment={"PYTHONMALLOC": "malloc"})
    assert json.loads(said) is None


def test_the_heap_of_a_forked_child_is_one(child: Child) -> None:
    pieces, ours, said = json.loads(child.run(specimen("memory_sums/in_children")))
    assert pieces > 1
    assert said > 10 << 20
    assert abs(ours - said) * 100 <= said


@pytest.mark.parametrize("malloc", ["glibc", "jemalloc", "tcmalloc", "mimalloc"])
def test_children_forked_while_others_ask_malloc_ask_it_too(child: Child, malloc: str) -> None:
    """The loader's lock, or malloc's own, may be held by a thread that the child does not have."""
    if malloc != "glibc" and malloc not in FOREIGN:
        pytest.skip(f"{malloc} is not on this machine")
    library = compile_library(FOLDER / "lookups" / "lookups.c", child.folder / "lookups.so", "-ldl")
    environment = {"LD_PRELOAD": FOREIGN.get(malloc, "")}
    child.run(specimen("memory_sums/forks"), str(library), "200", environment=environment)


@pytest.mark.parametrize("preload", [False, True])
def test_reports_are_made_beside_threads_forks_and_handlers(child: Child, preload: bool) -> None:
    said = child.run(specimen("memory_sums/beside_threads"), "40", preload=preload)
    assert said.startswith("longest step: ")
    print(said)
