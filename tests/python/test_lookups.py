"""Functions that a program looks up by name while slots are patched, as ctypes, cffi, plug-ins and interposers do."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from child import Child
from native import compile_library, compile_text
from specimens import FOLDER, specimen

pytestmark = pytest.mark.long  # independent of the Python version

SOURCE = FOLDER / "lookups" / "lookups.c"
VERSION = {"x86_64": "GLIBC_2.2.5", "aarch64": "GLIBC_2.17"}  # of the oldest functions
OWN_MALLOC = """
#include <stddef.h>
static char room[1 << 16];
static size_t used;
void *malloc(size_t size) { return room + (used += (size + 15) & ~(size_t)15); }
void only_here(void) {}
"""


def build(folder: Path, name: str = "lookups.so", *options: str) -> str:
    return str(compile_library(SOURCE, folder / name, "-fno-optimize-sibling-calls", *options, "-ldl"))


@pytest.mark.parametrize("mode", ["patch", "preload"])
def test_whatever_way_malloc_is_looked_up_its_blocks_are_counted(child: Child, mode: str) -> None:
    words = [build(child.folder), VERSION[platform.machine()], mode, build(child.folder, "later.so")]
    child.run(specimen("lookups/every_way"), *words, preload=mode == "preload")


def test_every_function_of_the_family_that_ctypes_finds_is_counted_once(child: Child) -> None:
    child.run(specimen("preload/family"), "patch")


def test_a_lookup_that_fails_is_answered_as_without_us(child: Child) -> None:
    bare = compile_text("int nothing_else(void) { return 1; }", child.folder / "bare.so", "-nostdlib")
    child.run(specimen("lookups/failures"), build(child.folder), str(bare))


def test_a_child_forked_while_others_look_functions_up_goes_on(child: Child) -> None:
    """The loader's lock may be held by a thread that does not exist in the child."""
    child.run(specimen("lookups/forks"), build(child.folder))


def test_libcs_own_functions_are_given_out_where_another_allocator_is_in_use(child: Child) -> None:
    other = compile_library(FOLDER / "other_allocator.c", child.folder / "other.so", "-fno-builtin")
    child.run(specimen("lookups/other_allocator"), build(child.folder), environment={"LD_PRELOAD": str(other)})


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_library_with_an_allocator_of_its_own_finds_that_one(child: Child, when: str) -> None:
    """The library's scope is not ours: the result of RTLD_DEFAULT depends on the caller."""
    build(child.folder)
    allocator = compile_text(OWN_MALLOC, child.folder / "liballocator.so", "-fno-builtin")
    library = build(child.folder, "binding.so", "-Wl,--no-as-needed", str(allocator), f"-Wl,-rpath,{child.folder}")
    child.run(specimen("lookups/own_scope"), library, when)
