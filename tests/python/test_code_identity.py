"""Samples keep the right name and line although code objects die and others are created at their addresses.

Each block is identified by its size. At 1 KB, no block of 70 000 bytes goes unsampled (e^-68), while most small objects
do, so that they stay where their allocator puts them. Each test asserts that addresses were really reused; otherwise it
would prove nothing. tests/python/test_stacks.py does the same with code from exec().
"""

from __future__ import annotations

from pathlib import Path

import pytest
from child import Child
from specimens import specimen

# pymalloc; pymalloc under a layer that overwrites freed memory; and libc's malloc under that layer.
ALLOCATORS = ["pymalloc", "pymalloc_debug", "malloc_debug"]


def run(child: Child, program: Path, allocator: str = "default") -> str:
    return child.run(program, environment={"PYTHONMALLOC": allocator})


# ---- Reused addresses


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_code_at_a_reused_address_has_its_own_name_file_and_line(child: Child, allocator: str) -> None:
    run(
        child,
        specimen("code_identity/code_at_a_reused_address_has_its_own_name_file_and_line"),
        allocator,
    )


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_code_that_threads_build_over_each_other_has_its_own_name(child: Child, allocator: str) -> None:
    run(
        child,
        specimen("code_identity/code_that_threads_build_over_each_other_has_its_own_name"),
        allocator,
    )


def test_code_at_an_address_where_another_threads_code_stood_has_its_own_name(child: Child) -> None:
    """Threads take turns, so that each creates code where the previous one has just freed some."""
    run(
        child,
        specimen("code_identity/code_at_an_address_where_another_threads_code_stood_has_its_own_name"),
    )


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_callers_at_reused_addresses_have_their_own_names(child: Child, allocator: str) -> None:
    run(
        child,
        specimen("code_identity/callers_at_reused_addresses_have_their_own_names"),
        allocator,
    )


def test_code_that_dies_while_others_are_built_has_its_own_name_to_the_end(child: Child) -> None:
    """A weak reference's callback runs while the code object is being destroyed."""
    run(
        child,
        specimen("code_identity/code_that_dies_while_others_are_built_has_its_own_name_to_the_end"),
    )


# ---- Code that outlives its function


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_generator_that_dies_late_has_its_own_name_until_then(child: Child, allocator: str) -> None:
    """The generator's function is gone, and much code is created and freed while the generator is suspended. It
    allocates again as it dies.
    """
    run(
        child,
        specimen("code_identity/generator_that_dies_late_has_its_own_name_until_then"),
        allocator,
    )


def test_function_that_is_given_other_code_while_it_runs_keeps_the_name_of_what_runs(child: Child) -> None:
    run(
        child,
        specimen("code_identity/function_that_is_given_other_code_while_it_runs_keeps_the_name_of_what_runs"),
    )


# ---- Code that looks the same


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_code_that_differs_in_one_thing_only_is_told_apart(child: Child, allocator: str) -> None:
    """Code objects that are alive at the same time have equal names, files, lines or instructions. Some of them compare
    equal with ==.
    """
    run(
        child,
        specimen("code_identity/code_that_differs_in_one_thing_only_is_told_apart"),
        allocator,
    )


def test_copies_of_one_code_object_are_one_function(child: Child) -> None:
    """The copies are equal in everything that is shown, so they share one record, and hence one stack."""
    told = run(
        child,
        specimen("code_identity/copies_of_one_code_object_are_one_function"),
    )
    assert told == "1\n"


# ---- More code than the address cache holds


def test_more_live_code_than_addresses_are_remembered_is_found_again(child: Child) -> None:
    """The address cache has 2^14 words; code that was evicted from it is identified by its content."""
    run(
        child,
        specimen("code_identity/more_live_code_than_addresses_are_remembered_is_found_again"),
    )
