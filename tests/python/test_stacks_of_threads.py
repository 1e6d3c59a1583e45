"""Which lines a sample names in threads with an interpreter, without one, and of a subinterpreter."""

from __future__ import annotations

import sys

import pytest
from child import Child
from held_stacks import HAS_INLINED_COMPREHENSIONS, held_stacks
from specimens import specimen

SUBINTERPRETERS = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"


def test_each_thread_is_charged_with_its_own_frames(child: Child) -> None:
    child.run(
        specimen("stacks_of_threads/each_thread_is_charged_with_its_own_frames"),
    )


@pytest.mark.parametrize("preload", [False, True], ids=["raw-domain", "preload"])
def test_c_code_that_released_the_gil_is_charged_to_its_own_caller(child: Child, preload: bool) -> None:
    """ctypes calls malloc without the GIL while another thread holds the GIL and runs Python."""
    told = child.run(
        specimen("stacks_of_threads/c_code_that_released_the_gil_is_charged_to_its_own_caller"),
        "preload" if preload else "raw-domain",
        preload=preload,
    )
    comprehension = [] if HAS_INLINED_COMPREHENSIONS else ["<listcomp>"]
    assert told.splitlines() == [str(["released", *comprehension, "<module>"])] * 500


@pytest.mark.parametrize("preload", [False, True], ids=["raw-domain", "preload"])
def test_native_thread_has_no_python_frames_and_its_sample_is_kept(child: Child, preload: bool) -> None:
    """The allocator itself is the thread's start routine: thread_main(size) returns the block."""
    told = child.run(
        specimen("stacks_of_threads/native_thread_has_no_python_frames_and_its_sample_is_kept"),
        "preload" if preload else "raw-domain",
        preload=preload,
    )
    assert told == "[]\n"


def test_native_thread_that_enters_python_is_charged_with_what_it_runs_there(child: Child) -> None:
    stacks = held_stacks(
        child,
        specimen("stacks_of_threads/native_thread_that_enters_python_is_charged_with_what_it_runs_there"),
    )
    assert stacks == {
        70001: [("work", "keep.append(bytearray(70001))"), ("native_main", "work()  # in a native thread")]
    }


@pytest.mark.skipif(sys.version_info < (3, 12), reason="before 3.12 a subinterpreter is charged to its caller")
def test_subinterpreter_is_charged_with_its_own_frames(child: Child) -> None:
    told = child.run(
        f"""
        import held
        import {SUBINTERPRETERS} as interpreters
        held.memprof.start(0)
        other = interpreters.create()
        interpreters.run_string(other, "def inside(): return bytearray(70001)\\nkeep = inside()")
        print([(frame.function, frame.file, frame.line) for frame in held.stack_of(70001)])
        interpreters.destroy(other)
        """,
    )
    file = "<script>" if sys.version_info >= (3, 14) else "<string>"
    assert told == f"[('inside', {file!r}, 1), ('<module>', {file!r}, 2)]\n"
