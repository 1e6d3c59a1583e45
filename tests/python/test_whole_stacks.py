"""Complete stacks: native and Python frames in the order of their calls, with none missing, duplicated or nameless.

Every allocation is sampled. Nearly all blocks come from two C libraries without frame pointers, all of whose frames are
known.
"""

from __future__ import annotations

import sys

import pytest
from child import Child
from specimens import specimen
from whole_stacks import (
    CALLBACK,
    CHAIN,
    CTYPES,
    LEAF,
    LIST_EXTEND,
    VERSION,
    Teller,
    before,
    build_libraries,
    name,
    since,
)

pytestmark = pytest.mark.usefixtures("with_and_without_jit")


@pytest.fixture
def teller(child: Child, tmp_path_factory: pytest.TempPathFactory) -> Teller:
    return Teller(child, build_libraries(tmp_path_factory.getbasetemp() / "whole_stacks"))


# ---- From Python into C


def test_c_functions_stand_beneath_the_line_that_called_them(teller: Teller) -> None:
    teller.assert_told(
        """
        from specimen import allocate, chain, memprof, tell
        memprof.start(0)
        def by_ctypes(): chain.chain_outer(70001)
        def by_method(): allocate(70002)
        def through_a_frame_of_another_shape(): chain.chain_alloca(70003)
        by_ctypes()
        by_method()
        through_a_frame_of_another_shape()
        tell(70001, 70002, 70003)
        """,
        {
            70001: [*CHAIN, *CTYPES, "by_ctypes", "<module>"],
            70002: [*LEAF, "by_method", "<module>"],
            70003: [*CHAIN, "chain_alloca()", *CTYPES, "through_a_frame_of_another_shape", "<module>"],
        },
    )


def test_numpys_arrays_stand_beneath_the_line_that_makes_them(teller: Teller) -> None:
    """numpy's wheels are stripped, so consecutive numpy frames appear as one."""
    teller.assert_told(
        specimen("whole_stacks/numpys_arrays_stand_beneath_the_line_that_makes_them"),
        {
            70001: ["<numpy>", "zeros", "<module>"],
            70002: ["<numpy>", "concatenate", "<module>"],
            70004: ["<numpy>", "vstack", "<numpy>", "through_python", "<module>"],
        },
    )


# ---- From C back into Python


def test_callbacks_stand_between_the_c_functions_that_call_them(teller: Teller) -> None:
    called = [*LEAF, "key"]
    teller.assert_told(
        specimen("whole_stacks/callbacks_stand_between_the_c_functions_that_call_them"),
        {
            70001: [*called, "list_sort_impl()", "list_sort()", "builtin_sorted()", "by_sorted", "<module>"],
            70002: [*called, "map_next()", LIST_EXTEND, "list_vectorcall()", "by_map", "<module>"],
            70003: [*called, "partial_vectorcall()", "by_partial", "<module>"],
            70004: [*called, "extension_call()", "by_call", "<module>"],
            70005: [*called, name("by_reduce.<locals>.<lambda>"), "functools_reduce()", "by_reduce", "<module>"],
            70006: [*CHAIN, *CTYPES, "back", *CALLBACK, *CTYPES, "by_ctypes", "<module>"],
        },
    )


def test_recursion_is_told_call_by_call(teller: Teller) -> None:
    """Recursion is tested in Python alone, and alternating between Python and C."""
    teller.assert_told(
        """
        import extension
        from specimen import CALLBACK, allocate, chain, memprof, tell
        memprof.start(0)
        def down(left): return down(left - 1) if left else allocate(70001)
        def by_call(left): return extension.call(by_call, (left - 1,)) if left else allocate(70002)
        def by_ctypes(left): return chain.chain_call(CALLBACK(by_ctypes), left - 1) if left else allocate(70003)
        down(200)
        by_call(200)
        by_ctypes(50)
        tell(70001, 70002, 70003)
        """,
        {
            70001: [*LEAF, *["down"] * 201, "<module>"],
            70002: [*LEAF, *["by_call", "extension_call()"] * 200, "by_call", "<module>"],
            70003: [*LEAF, *["by_ctypes", *CALLBACK, *CTYPES] * 50, "by_ctypes", "<module>"],
        },
    )


def test_special_methods_stand_above_what_calls_them(teller: Teller) -> None:
    root = ["use", "<module>"]
    teller.assert_told(
        specimen("whole_stacks/special_methods_stand_above_what_calls_them"),
        {
            70001: [*LEAF, name("Meta.__call__"), *root],
            70002: [*LEAF, "Thing", "builtin___build_class__()", "<module>"],
            70003: [*LEAF, name("Thing.__init__"), name("Meta.__call__"), *root],
            70004: [*LEAF, name("Thing.__del__"), "subtype_dealloc()", *root],
            70005: [*LEAF, name("Thing.__lt__"), *root],
            70006: [*LEAF, name("Thing.__getattr__"), *root],
            70007: [*LEAF, name("Thing.__len__"), "builtin_len()", *root],
            70008: [*LEAF, name("Thing.__enter__"), *root],
            70009: [*LEAF, name("Thing.__exit__"), *root],
            70010: [*LEAF, name("Thing.header"), *root],
            70011: [*LEAF, name("Thing.method"), "extension_call_method()", *root],
        },
    )


# ---- Code that runs without a call


def test_generators_stand_where_they_are_resumed(teller: Teller) -> None:
    delegating = ["inner", "outer", "most"]
    teller.assert_told(
        specimen("whole_stacks/generators_stand_where_they_are_resumed"),
        {
            70001: [*LEAF, *delegating, "builtin_next()", "by_next", "<module>"],
            70002: [*LEAF, *delegating, "builtin_next()", "by_next", "<module>"],
            70003: [*LEAF, "<genexpr>", LIST_EXTEND, "list_vectorcall()", "by_list", "<module>"],
        },
    )


def test_generator_that_passes_throw_on_stands_above_the_one_it_passes_it_to(teller: Teller) -> None:
    """Until the inner generator has the exception, neither generator is evaluated. CPython 3.9 then knows no callers,
    so the stack is marked as truncated and shows the program's startup frames, since no Python frame is before that.
    """
    callers = ["most", "by_throw", "extension_call()", "<module>"]
    if VERSION < (3, 10):
        start = ["PyRun_SimpleFileExFlags()", "Py_RunMain()", "Py_BytesMain()", "<libc>", "_start()"]
        callers = ["extension_call()", *start, "<cut>"]
    teller.assert_told(
        specimen("whole_stacks/generator_that_passes_throw_on_stands_above_the_one_it_passes_it_to"),
        {
            70001: [*LEAF, "inner", "outer", *callers],
            70002: [*LEAF, "inner", *["gen_close_iter()"] * 2, "by_close", "<module>"],
            70003: [*LEAF, "outer", "gen_close_iter()", "by_close", "<module>"],
        },
    )


def test_coroutines_stand_above_the_task_that_runs_them(teller: Teller) -> None:
    loop = ["BaseEventLoop._run_once", "BaseEventLoop.run_forever", "BaseEventLoop.run_until_complete"]
    run = ["context_run()", *map(name, ["Handle._run", *loop]), *since((3, 11), "Runner.run"), "run", "<module>"]
    # If asyncio is built into the interpreter, its frames have names or, in a stripped one, are not shown.
    task = [*(["<asyncio>"] if "_asyncio" not in sys.builtin_module_names else []), *run]
    teller.assert_told(
        specimen("whole_stacks/coroutines_stand_above_the_task_that_runs_them"),
        {
            70001: [*LEAF, "leaf", "main", *task],
            70002: [*LEAF, "leaf", *task],
            70003: [*LEAF, "numbers", "async_gen_asend_iternext()", "main", *task],
            70004: [*LEAF, *run],
        },
    )


def test_code_from_strings_and_imports_stands_above_what_runs_it(teller: Teller) -> None:
    (teller.folder / "imported.py").write_text("import extension\nextension.allocate(70003)\n", encoding="utf-8")
    load = ["_call_with_frames_removed", name("_LoaderBasics.exec_module"), "_load_unlocked", "_find_and_load_unlocked"]
    teller.assert_told(
        """
        from specimen import allocate, memprof, tell
        memprof.start(0)
        def by_exec(): exec("allocate(70001)")
        def by_eval(): eval("allocate(70002)")
        def by_import(): import imported
        by_exec()
        by_eval()
        by_import()
        tell(70001, 70002, 70003)
        """,
        {
            70001: [*LEAF, "<module>", "builtin_exec()", "by_exec", "<module>"],
            70002: [*LEAF, "<module>", "builtin_eval()", "by_eval", "<module>"],
            70003: [
                *[*LEAF, "<module>", "builtin_exec()", *load, "_find_and_load", "PyImport_ImportModuleLevelObject()"],
                *["by_import", "<module>"],
            ],
        },
    )


def test_comprehensions_decorators_and_class_bodies_stand_as_the_interpreter_runs_them(teller: Teller) -> None:
    enter = ["builtin_next()", name("_GeneratorContextManager.__enter__")]
    build, body = "builtin___build_class__()", name("in_class.<locals>.Body")
    teller.assert_told(
        specimen("whole_stacks/comprehensions_decorators_and_class_bodies_stand_as_the_interpreter_runs_them"),
        {
            70001: [*LEAF, *before((3, 12), name("in_list.<locals>.<listcomp>")), "in_list", "<module>"],
            70002: [*LEAF, *before((3, 12), name("in_dict.<locals>.<dictcomp>")), "in_dict", "<module>"],
            70003: [*LEAF, "decorated", name("wrap.<locals>.wrapper"), "use", "<module>"],
            70004: [*LEAF, "cached", "bounded_lru_cache_wrapper()", "use", "<module>"],
            70005: [*LEAF, "managed", *enter, "use", "<module>"],
            70006: [*LEAF, name("in_class.<locals>.Body.Inner"), build, body, build, "in_class", "<module>"],
        },
    )


# ---- Threads, signals, greenlets


def test_threads_stacks_end_where_the_threads_begin(teller: Teller) -> None:
    teller.assert_told(
        specimen("whole_stacks/threads_stacks_end_where_the_threads_begin"),
        {
            70001: [*LEAF, *map(name, ["Thread.run", "Thread._bootstrap_inner", "Thread._bootstrap"])],
            70002: [*CHAIN, "chain_thread_main()", "<libc>"],
            70003: [*LEAF, "in_native_thread", "extension_thread_main()"],
        },
    )


def test_signal_handlers_stand_above_what_they_interrupted(teller: Teller) -> None:
    """The C handler runs on its own stack; the Python handler runs where the interpreter next checks for signals."""
    teller.assert_told(
        specimen("whole_stacks/signal_handlers_stand_above_what_they_interrupted"),
        {
            70001: [
                *[*LEAF, "on_signal", "_PyErr_CheckSignalsTstate()", *since((3, 11), "signal_raise_signal()")],
                *["interrupted", "<module>"],
            ],
            70002: [
                *[*CHAIN, "chain_handler()", "<libc>", "chain_raise()", "chain_signal()", *CTYPES],
                *["interrupted_in_c", "<module>"],
            ],
        },
    )


def test_greenlets_have_stacks_of_their_own(teller: Teller) -> None:
    """The stack memory of sleeping greenlets is copied away. A greenlet that switches to another is not its caller."""
    teller.assert_told(
        specimen("whole_stacks/greenlets_have_stacks_of_their_own"),
        {
            70001: [*LEAF, *["deep"] * 3, "run", "<greenlet>"],
            70002: [*LEAF, *["deep"] * 4, "run", "<greenlet>"],
            70003: [*CHAIN, *CTYPES, "run", "<greenlet>"],
            70004: [*LEAF, *["deep"] * 2, "<module>"],
            70005: [*LEAF, *["deep"] * 2, "<module>"],
        },
    )
