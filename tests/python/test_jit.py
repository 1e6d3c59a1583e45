"""JIT-generated code, which no stack shows. Tested on CPython from 3.14 on, if built with the JIT."""

from __future__ import annotations

import json
import platform
import sys

import jit
import pytest
from child import Child
from jit import EAGER, OFF, ON
from specimens import specimen

pytestmark = pytest.mark.skipif(not jit.IS_AVAILABLE, reason="this Python was built without a JIT")


def has_no_faults(faults: dict[str, int]) -> bool:
    stacks = faults.pop("stacks")
    return stacks > 20 and faults == {"truncated": 0, "generated": 0, "nameless": 0}


def test_blocks_are_held_by_the_same_functions_with_the_jit_as_without(child: Child) -> None:
    program = specimen("jit/stacks_of_blocks")
    without, with_jit = (json.loads(child.run(program, environment=environment)) for environment in (OFF, ON))
    assert without[0] == []
    assert {"texts", "pairs", "keyed"} <= set(with_jit[0])
    assert dict(with_jit[1]) == dict(without[1])
    assert has_no_faults(without[2])
    assert has_no_faults(with_jit[2])


def test_ticks_in_generated_code_have_whole_stacks_without_it(child: Child) -> None:
    for environment, is_generated in ((OFF, False), (ON, True)):
        was_generated, torn, faults = json.loads(child.run(specimen("jit/stacks_of_ticks"), environment=environment))
        assert (was_generated, torn) == (is_generated, 0)
        assert has_no_faults(faults)


@pytest.mark.skipif(sys.version_info < (3, 15), reason="before CPython 3.15 no setting makes its JIT eager")
@pytest.mark.parametrize(("environment", "is_generated"), [(ON, False), (EAGER, True)])
def test_stack_specimens_run_as_generated_code(child: Child, environment: dict[str, str], is_generated: bool) -> None:
    output = child.run(specimen("jit/runs_a_few_times"), environment=environment)
    assert output == f"{is_generated}\n"


def test_generated_code_may_come_and_go_while_samples_are_taken(child: Child) -> None:
    generated, faults = json.loads(child.run(specimen("jit/code_that_comes_and_goes"), environment=ON))
    assert generated > 100
    assert has_no_faults(faults)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the code that the program generates is for x86-64")
def test_code_of_another_generator_stays_in_stacks(child: Child) -> None:
    output = child.run(specimen("jit/code_of_another_generator"), environment=ON)
    assert output.split() == ["100", "100"]
