"""spprof in subinterpreters: each of them can import and read it; those that share the main interpreter's GIL can start
it.

The programs are functions of tests/specimens/subinterpreters.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import spprof
from child import HELPERS, Child
from native import compile_text

SPECIMENS = Path(__file__).parent.parent / "specimens" / "subinterpreters"
HAVE_OWN_GIL = sys.version_info >= (3, 12)

kinds = pytest.mark.parametrize("kind", ["isolated", "legacy"])
kinds_that_share_the_gil = pytest.mark.parametrize("kind", ["legacy"] if HAVE_OWN_GIL else ["isolated", "legacy"])
# Even before 3.12, the allocations of subinterpreters are charged to the frames that called them.
own_gil = pytest.mark.skipif(not HAVE_OWN_GIL, reason="before CPython 3.12 all interpreters share one GIL")
pools = pytest.mark.skipif(sys.version_info < (3, 14), reason="InterpreterPoolExecutor came with CPython 3.14")


def run(child: Child, module: str, call: str, **environment: str) -> str:
    """Run one function of a specimen in a child process, and return its output."""
    variables = {"PYTHONPATH": f"{SPECIMENS}:{HELPERS}", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return child.run(f"import {module}\n{module}.{call}\n", environment=variables)


# ---- Importing


@pytest.mark.parametrize("first", ["main", "subinterpreter"])
@kinds
def test_every_interpreter_imports(child: Child, kind: str, first: str) -> None:
    run(child, "imports", f"{first}_first({kind!r})")


@kinds
def test_fifty_interpreters_import_one_after_the_other(child: Child, kind: str) -> None:
    run(child, "imports", f"one_after_the_other({kind!r})")


@own_gil
def test_interpreters_import_at_once(child: Child) -> None:
    run(child, "imports", "at_once()")


@kinds
def test_an_import_that_fails_in_one_interpreter_harms_no_other(child: Child, kind: str) -> None:
    run(child, "imports", f"one_fails({kind!r})")


@kinds
def test_every_interpreter_refuses_an_engine_of_another_version(child: Child, tmp_path: Path, kind: str) -> None:
    text = 'const char *spprof_version(void) { return "9.9.9"; }\n'
    (tmp_path / "other").mkdir()
    other = compile_text(text, tmp_path / "other" / "libspprof_alloc.so", "-Wl,-soname,libspprof_alloc.so")
    told = run(child, "imports", f"none_can({kind!r})", LD_PRELOAD=str(other))
    assert "version 9.9.9" in told
    assert f"version {spprof.__version__}" in told


# ---- Starting


@own_gil
def test_an_interpreter_with_its_own_gil_cannot_control_the_profilers(child: Child) -> None:
    run(child, "control", "is_refused()")


@kinds_that_share_the_gil
def test_what_an_interpreter_has_started_ends_with_it(child: Child, kind: str) -> None:
    run(child, "control", f"legacy_starts({kind!r})")


@kinds_that_share_the_gil
def test_the_main_interpreter_stops_what_another_has_started(child: Child, kind: str) -> None:
    run(child, "control", f"session_of_another({kind!r})")


# ---- @spprof.profile


@own_gil
def test_decorated_functions_run_in_every_interpreter(child: Child) -> None:
    run(child, "decorated", "in_isolated_interpreters()")


@pytest.mark.parametrize("error", ["OSError", "MemoryError", "ImportError"])
def test_decorated_functions_run_where_the_profiler_cannot_start(child: Child, error: str) -> None:
    run(child, "decorated", f"where_it_cannot_start({error!r})")


def test_decorated_functions_give_their_results_where_no_profile_can_be_made(child: Child) -> None:
    run(child, "decorated", "where_no_profile_can_be_made()")


def test_decorated_functions_give_their_results_where_no_profile_can_be_saved(child: Child) -> None:
    run(child, "decorated", "where_it_cannot_be_saved()")


def test_decorated_functions_say_once_that_a_thread_gives_the_ticks(child: Child) -> None:
    run(child, "decorated", "where_a_thread_gives_the_ticks()")


# ---- While the main interpreter profiles


@own_gil
def test_blocks_of_interpreters_have_their_own_stacks(child: Child) -> None:
    run(child, "profiled", "heap_names()")


@own_gil
def test_cpu_time_of_interpreters_has_their_own_stacks(child: Child) -> None:
    run(child, "profiled", "cpu_names()")


@own_gil
def test_blocks_of_all_interpreters_are_seen_while_one_of_them_profiles(child: Child) -> None:
    run(child, "profiled", "heap_of_all_under_another()")


@own_gil
@kinds
def test_stacks_keep_their_names_when_their_interpreter_has_ended(child: Child, kind: str) -> None:
    run(child, "profiled", f"names_of_ended_interpreters({kind!r})")


@kinds
def test_a_snapshot_can_be_taken_in_any_interpreter(child: Child, kind: str) -> None:
    run(child, "profiled", f"read_there({kind!r})")


@own_gil
@kinds
def test_code_of_an_ended_interpreter_lends_its_name_to_no_other(child: Child, kind: str) -> None:
    run(child, "profiled", f"code_dies({kind!r})")


@kinds
@pytest.mark.parametrize("at_once", [1, pytest.param(3, marks=own_gil)])
def test_interpreters_come_and_go_under_both_profilers(child: Child, kind: str, at_once: int) -> None:
    run(child, "profiled", f"come_and_go({kind!r}, {at_once})")


@kinds
def test_a_program_ends_with_interpreters_that_nobody_has_ended(child: Child, kind: str) -> None:
    assert run(child, "profiled", f"left_behind({kind!r})") == "ends\n"


# ---- Pools


@pools
def test_tasks_of_an_interpreter_pool_are_profiled(child: Child) -> None:
    run(child, "pool", "profiled_from_here()")


@pools
def test_decorated_functions_are_tasks_of_an_interpreter_pool(child: Child) -> None:
    run(child, "pool", "decorated_tasks()")
