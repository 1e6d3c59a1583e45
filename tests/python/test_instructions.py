"""The exact number of instructions that an unsampled allocation costs in our own objects, excluding the allocators.

Callgrind counts them in the installed library. The figures apply to one compiler; docs/research.md says what each
instruction is for. `bench/instructions.py` prints them next to those of the allocators.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from child import library_path
from instructions import CASES, Count, Valgrind, Variant, compile_loops, count, find_valgrind

COMPILER = "GCC: (Debian 12.2.0"

# By state: its name in count_all.py, and whether the library is preloaded; then the counts for malloc + free, calloc +
# free and realloc, and the same for PyObject_*.
EXACT = {
    "preloaded, never started": ("never", True, [2, 2, 1, 0, 0, 0]),
    "patched": ("started", False, [15, 18, 17, 9, 14, 11]),
    "patched, stopped": ("stopped", False, [15, 18, 17, 0, 0, 0]),
    "preloaded": ("started", True, [17, 20, 18, 9, 14, 11]),
}
A_SAMPLE_AT_MOST = 5500
"""In a checked build, whose locks check their ranks; a release build needs some 500 less."""
"""An allocation with its free, below three Python frames, takes about 4300 to 5000 instructions."""


@pytest.fixture(scope="module")
def valgrind() -> Valgrind:
    """Return valgrind. Skip the test if the figures cannot be the same here."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the reference is CPython 3.11")
    if platform.machine() != "x86_64":
        pytest.skip("the figures are those of x86-64")
    if COMPILER.encode() not in Path(library_path()).read_bytes():
        pytest.skip(f"the figures are those of {COMPILER!r}, which did not compile this library")
    if shutil.which(shlex.split(os.environ.get("CC", "cc"))[0]) is None:
        pytest.skip("there is no C compiler: set CC")
    found = find_valgrind()
    if found is None:
        pytest.skip("there is no valgrind with its headers: make build/deps/valgrind")
    return found


@pytest.fixture(scope="module")
def loops(valgrind: Valgrind, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_loops(valgrind, tmp_path_factory.mktemp("instructions"))


def ours(counts: dict[str, Count]) -> dict[str, float]:
    return {case: counts[case].ours for case in CASES}


@pytest.mark.parametrize("name", EXACT)
def test_an_allocation_that_is_no_sample_costs_so_many_instructions(valgrind: Valgrind, loops: Path, name: str) -> None:
    state, preload, expected = EXACT[name]
    variant = Variant(name, state, library_path() if preload else "")
    assert ours(count(valgrind, variant, loops)) == dict(zip(CASES, expected))


def test_a_sample_costs_some_thousand_instructions(valgrind: Valgrind, loops: Path) -> None:
    counts = ours(count(valgrind, Variant("each allocation a sample", "sampling"), loops, turns=200))
    assert all(1000 < instructions <= A_SAMPLE_AT_MOST for instructions in counts.values()), counts
