"""Stacks that mix every way to call a function, and invariants of every stack of a busy program.

Every allocation is sampled.
"""

from __future__ import annotations

import json
import random

import native
import pytest
from child import Child
from specimens import specimen
from test_code_ranges import ROOT, SOURCES
from whole_stacks import CALLBACK, CTYPES, LEAF, VERSION, Teller, build_libraries, name

pytestmark = pytest.mark.usefixtures("with_and_without_jit")


@pytest.fixture
def teller(child: Child, tmp_path_factory: pytest.TempPathFactory) -> Teller:
    return Teller(child, build_libraries(tmp_path_factory.getbasetemp() / "whole_stacks"))


# For each way, the frames between go() and the next go() that it calls, leaf first.
WAYS = {
    "by_call": ["extension_call()", "by_call"],
    "by_ctypes": [name("by_ctypes.<locals>.<lambda>"), *CALLBACK, *CTYPES, "by_ctypes"],
    "by_partial": ["partial_vectorcall()", "by_partial"],
    "by_sorted": ["list_sort_impl()", "list_sort()", "builtin_sorted()", "by_sorted"],
    "by_exec": ["<module>", "builtin_exec()", "by_exec"],
    "by_init": [name("Thing.__init__"), "by_init"],
    "by_property": [name("Thing.header"), "by_property"],
    "by_death": [name("Dying.__del__"), "subtype_dealloc()", "by_death"],
    "by_next": ["generator", "builtin_next()", "by_next"],
    "by_loop": ["generator", "delegator", "by_loop"],
    "by_send": ["coroutine", "waiter", "by_send"],
    "by_throw": ["catcher", *(["passer"] if VERSION >= (3, 10) else []), "by_throw"],
    "by_close": ["closer", "by_close"],
    "by_with": ["managed", "builtin_next()", name("_GeneratorContextManager.__enter__"), "by_with"],
    "by_itself": ["by_itself"],
}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ways_to_call_may_be_mixed_at_will(teller: Teller, seed: int) -> None:
    """Each way is tested alone and in long random mixtures."""
    chance = random.Random(seed)
    mixtures = [[way] for way in WAYS] + [chance.choices(list(WAYS), k=chance.randrange(2, 15)) for _ in range(100)]
    expected, sizes = {}, list(range(70001, 70001 + len(mixtures)))
    for size, ways in zip(sizes, mixtures):
        expected[size] = [*LEAF, "go"]
        for way in reversed(ways):
            expected[size] += [*WAYS[way], "go"]
        expected[size].append("<module>")
    (teller.folder / "ways.json").write_text(json.dumps(list(zip(sizes, mixtures))))
    teller.assert_told(specimen("mixed_stacks/mixtures"), expected)


def test_stacks_are_right_while_a_trace_function_runs(child: Child, teller: Teller) -> None:
    """The trace function is called for generators that are about to run or have just run, and for frames that only pass
    throw() on. The stack has exactly the frames that the interpreter would show. If 3.9 has lost them, the stack is
    marked as truncated.
    """
    told = child.run(
        specimen("mixed_stacks/stacks_are_right_while_a_trace_function_runs"),
        environment=teller.environment,
    )
    pairs = json.loads(told)
    assert {shown[0] for shown, _ in pairs} == {"call", "line", "return", "exception"}
    assert len(pairs) > 25
    for (event, *shown), stack in pairs:
        kept = [frame for frame in stack if not frame.endswith("()") or frame == "extension_call()"]
        if VERSION < (3, 10) and kept[-1] == "<cut>":
            assert shown == kept[: len(shown)] == ["trace", "inner", "outer"], (event, kept)
        else:
            assert kept == shown, event


# ---- Invariants of every stack


def test_every_call_of_the_evaluation_loop_gives_place_to_the_frames_it_runs(child: Child) -> None:
    """No stack of a busy program has a native frame in the evaluation loop's code. The program has no endless
    recursion: before 3.11, the call that exceeds the recursion limit does not have a Python frame yet.
    """
    include = f"-I{ROOT / 'include'}"
    library = native.compile_library(
        SOURCES / "code_ranges_linux.c", child.folder / "ranges.so", "-D_GNU_SOURCE", include
    )
    told = child.run(
        specimen("mixed_stacks/every_call_of_the_evaluation_loop_gives_place_to_the_frames_it_runs"), str(library)
    )
    assert told == "0\n"


def test_every_stack_of_the_main_thread_goes_down_to_its_module(child: Child) -> None:
    told = child.run(specimen("mixed_stacks/every_stack_of_the_main_thread_goes_down_to_its_module"))
    assert told == f"[('<module>', '{child.script}')]\n"
