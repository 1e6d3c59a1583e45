"""Profiler blocks that are suspended, in generators and coroutines, when the interpreter exits."""

from __future__ import annotations

import sys

import pytest
from child import Child
from place import Place
from specimens import FOLDER, specimen

SUBINTERPRETERS = FOLDER / "subinterpreters"
SUSPENDED = (
    "generator",
    "coroutine",
    "asynchronous",
    "in_profiler",
    "in_profiler_of_coroutine",
    "in_profiler_of_asynchronous",
    "in_memory_profiler",
    "in_memory_profiler_of_coroutine",
)


def run_suspended(place: Place, *words: str) -> None:
    place.write(specimen("last_moments/suspended"))
    finished = place.call([sys.executable, "-W", "error", "program.py", *words])
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "ran\n", "")


@pytest.mark.parametrize("kind", SUSPENDED)
@pytest.mark.parametrize("where", ["global", "cycle", "module", "daemon", "thread", "stopped"])
def test_a_suspended_block_is_silent_when_the_interpreter_exits(place: Place, kind: str, where: str) -> None:
    run_suspended(place, kind, where)


@pytest.mark.parametrize("kind", [kind for kind in SUSPENDED if "memory" not in kind])
@pytest.mark.parametrize("where", ["global", "cycle", "daemon"])
def test_a_suspended_block_is_saved_when_the_interpreter_exits(place: Place, kind: str, where: str) -> None:
    run_suspended(place, kind, where, "out.pb.gz")
    assert place.profile().sample_types[0].type == "samples"


@pytest.mark.parametrize("kind", SUSPENDED)
def test_a_suspended_block_is_silent_when_a_subinterpreter_ends(child: Child, kind: str) -> None:
    """The specimen runs in the subinterpreter like a separate program."""
    program = f"""
from interpreter import Interpreter
with Interpreter("legacy") as one:
    one.run('''
import sys
sys.argv = ["suspended", {kind!r}, "global"]
exec(open({str(specimen("last_moments/suspended"))!r}).read())
''')
print("after it")
"""
    finished = child.attempt(program, environment={"PYTHONPATH": str(SUBINTERPRETERS)})
    assert (finished.stdout.splitlines()[-1], finished.stderr) == ("after it", "")
