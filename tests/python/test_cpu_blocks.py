"""The contract of `spprof.Profiler` and the decorator `spprof.profile`, tested on the real engine."""

from __future__ import annotations

from child import Child
from specimens import specimen

# ---- Profiler


def test_a_block_is_profiled_also_if_it_raises(child: Child):
    child.run(specimen("cpu_blocks/a_block_is_profiled_also_if_it_raises"))


# ---- profile


def test_a_decorated_function_is_itself_and_has_its_profile(child: Child):
    child.run(specimen("cpu_blocks/a_decorated_function_is_itself_and_has_its_profile"))


def test_a_call_while_a_profile_is_made_is_part_of_it(child: Child):
    child.run(specimen("cpu_blocks/a_call_while_a_profile_is_made_is_part_of_it"))


def test_methods_are_profiled_and_what_is_no_function_is_refused(child: Child):
    child.run(specimen("cpu_blocks/methods_are_profiled_and_what_is_no_function_is_refused"))


def test_generators_are_profiled_to_their_end(child: Child):
    child.run(specimen("cpu_blocks/generators_are_profiled_to_their_end"))


def test_coroutines_and_asynchronous_generators_are_profiled_to_their_end(child: Child):
    child.run(specimen("cpu_blocks/coroutines_and_asynchronous_generators_are_profiled_to_their_end"))
