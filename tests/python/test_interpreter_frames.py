"""Which native frames are shown.

The first half of the tests checks the table, with stacks written as strings of roles; the second half checks real
stacks.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from child import HELPERS, Child
from embedded import with_shared_library
from native import compile_text
from specimens import specimen
from spprof import _engine
from spprof.symbolize import interpreter_frames
from spprof.symbolize.interpreter_frames import INTERPRETER, LAUNCHER, LIBC, OTHER, home_of, role_of, telling

# ---- The rules


@pytest.mark.parametrize(
    ("roles", "shown"),
    [
        ("", ""),
        ("tcasye", "tcasye"),  # no Python frame: everything is shown
        ("P", "P"),
        ("atP", "tP"),
        ("acaP", "P"),
        ("actacP", "taP"),  # allocator frames are omitted at the leaf only
        ("tcPcctcPcP", "tPtPP"),
        ("PcaPs", "PaP"),
        ("Pcssyye", "P"),  # a program's main thread
        ("Pcsyy", "P"),  # a thread
        ("Pctyy", "Pt"),  # a foreign thread
        ("Pcstsyye", "Pts"),  # a foreign main, in a program that embeds the interpreter
        ("Pcttyye", "Ptt"),
        ("PcsPtsP", "PsPtsP"),  # startup frames are omitted only behind the outermost Python frame
        ("tyPyP", "tyPyP"),  # the C library calls back: qsort
        ("Pyty", "Pyt"),
        ("Pe", "Pe"),
        ("Psyye", "P"),
    ],
)
def test_what_is_left_of_a_stack(roles: str, shown: str) -> None:
    assert "".join(telling(roles, roles, True)) == shown  # type: ignore[arg-type]


@pytest.mark.parametrize(("roles", "shown"), [("Pctyy", "Ptyy"), ("Pcsyye", "Pyye"), ("Pcs", "P")])
def test_of_a_stack_that_ends_early_the_root_is_nobodys_start(roles: str, shown: str) -> None:
    assert "".join(telling(roles, roles, False)) == shown  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "role"),
    [
        (
            """
            _PyEval_EvalFrameDefault _PyEval_Vector _PyFunction_Vectorcall function_code_fastcall _PyEval_EvalCode
            PyObject_Vectorcall _PyObject_MakeTpCall PyObject_Call method_vectorcall cfunction_vectorcall_FASTCALL
            slot_tp_call slot_nb_inplace_add _Py_slot_tp_getattr_hook wrap_init type_call PyNumber_Add gen_iternext
            """,
            interpreter_frames.CALLING,
        ),
        (
            "PyObject_Malloc _PyObject_Malloc PyMem_RawMalloc _PyMem_RawRealloc PyObject_Calloc _PyObject_GC_New",
            interpreter_frames.ALLOCATING,
        ),
        ("main Py_BytesMain Py_RunMain pymain_run_python PyRun_SimpleString thread_run", interpreter_frames.STARTING),
        (
            """
            builtin_sorted list_sort_impl list_resize PyList_Append PyList_New PyUnicode_New array_concatenate
            partial_call builtin_exec list_vectorcall bounded_lru_cache_wrapper PyObject_CallSomething my_slot_tp_call
            start_thread
            """,
            interpreter_frames.TELLING,
        ),
    ],
)
def test_the_interpreters_functions_are_told_apart_by_name(names: str, role: str) -> None:
    assert {name: role_of(INTERPRETER, name) for name in names.split()} == dict.fromkeys(names.split(), role)
    others = {name: role_of(OTHER, name) for name in names.split()}
    assert others == dict.fromkeys(names.split(), interpreter_frames.TELLING)


def test_without_a_name_it_depends_on_whose_function_it_is() -> None:
    assert {home: role_of(home, None) for home in (INTERPRETER, LAUNCHER, LIBC, OTHER)} == {
        INTERPRETER: interpreter_frames.CALLING,
        LAUNCHER: interpreter_frames.STARTING,
        LIBC: interpreter_frames.SYSTEM,
        OTHER: interpreter_frames.TELLING,
    }


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("libc.so.6", LIBC),
        ("libc-2.31.so", LIBC),
        ("libpthread.so.0", LIBC),
        ("libpthread-2.31.so", LIBC),
        ("python", LAUNCHER),
        ("python3.13t", LAUNCHER),
        ("libcrypto.so.3", OTHER),
        ("libc.so.backup", OTHER),
        ("python3", LAUNCHER),
        ("python3d", LAUNCHER),
        ("python3d.1", OTHER),
        ("python.3", OTHER),
        ("python3.", OTHER),
        ("libpthread.so.6x", OTHER),
        ("python3.so", OTHER),
        ("libpython3.so", OTHER),
        ("pythonista", OTHER),
    ],
)
def test_modules_are_told_apart_by_their_files_name(name: str, home: str) -> None:
    assert home_of(name, is_interpreter=False) is home
    assert home_of(name, is_interpreter=True) is INTERPRETER


# ---- Real stacks


Shown = list[list[tuple[str, bool]]]


def shown(child: Child, program: str | Path, *arguments: str, environment: dict[str, str] | None = None) -> Shown:
    told = json.loads(child.run(program, *arguments, environment=environment))
    return [[(function, is_python) for function, is_python in stack] for stack in told]


def interpreter_has_names() -> bool:
    import sysconfig

    library = Path(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME"))
    path = str(library) if sysconfig.get_config_var("Py_ENABLE_SHARED") else os.path.realpath(sys.executable)
    return _engine.symbols(path, b"", [])[1]


def from_python(stack: list[tuple[str, bool]]) -> list[str]:
    """Return the innermost Python frame and the frames that called it."""
    first = next(index for index, (_, is_python) in enumerate(stack) if is_python)
    return [function for function, _ in stack[first:]]


def test_between_python_frames_nothing_of_the_interpreter_is_left(child: Child) -> None:
    main, thread, executed = (from_python(stack) for stack in shown(child, specimen("interpreter_frames/plain_calls")))
    plain = [function.rpartition(".")[2] for function in main]
    assert plain == ["allocate", "__getattribute__", "__call__", "__init__", "generated", "run", "<module>"]
    assert [function.rpartition(".")[2] for function in thread] == [
        *plain[:-1],
        "run",
        "_bootstrap_inner",
        "_bootstrap",
    ]
    assert [function for function in executed if function != "builtin_exec"] == [*main[:-1], "<module>", "<module>"]
    assert ("builtin_exec" in executed) == interpreter_has_names()


def test_functions_that_say_what_happens_stay(child: Child) -> None:
    (stack,) = shown(
        child,
        """
        import functools, show
        keep = []
        def key(value):
            keep.append(bytearray(value))
            return value
        show.memprof.start(0)
        sorted([70001, 70002], key=functools.partial(key))
        show.show(70001)
        """,
    )
    functions = [function for function, is_python in stack]
    assert functions[-1] == "<module>"
    if not interpreter_has_names():
        pytest.skip("the interpreter's file has no full symbol table")
    python = from_python(stack)
    assert python[0] == "key"
    assert "partial_vectorcall" in python
    assert python[-2] in ("builtin_sorted", "list_sort", "list_sort_impl")
    innermost, is_python = stack[0]
    assert not is_python
    assert innermost.startswith(("PyByteArray_Resize", "bytearray"))


NAMESAKES = """
#include <pthread.h>
typedef void callback(void);
#define AROUND(name, inner) __attribute__((noinline)) void name(callback *f) { inner(f); __asm__ volatile(""); }
static __attribute__((noinline)) void call(callback *f) { f(); __asm__ volatile(""); }
AROUND(PyObject_Call, call)
AROUND(_PyEval_EvalFrameDefault, PyObject_Call)
AROUND(PyObject_Malloc, _PyEval_EvalFrameDefault)
AROUND(slot_tp_call, PyObject_Malloc)
AROUND(start_thread, slot_tp_call)
AROUND(Py_RunMain, start_thread)
AROUND(user_entry, Py_RunMain)
static void *thread_main(void *f) { user_entry((callback *)f); return 0; }
void in_thread(callback *f) {
    pthread_t thread;
    pthread_create(&thread, 0, thread_main, f);
    pthread_join(thread, 0);
}
"""


def test_namesakes_in_other_modules_stay_and_so_does_a_threads_own_main(child: Child) -> None:
    library = compile_text(NAMESAKES, child.folder / "namesakes.so", "-Bsymbolic", "-Wl,-Bsymbolic", "-lpthread")
    called, threaded = shown(
        child,
        specimen("interpreter_frames/namesakes_in_other_modules_stay"),
        str(library),
    )
    namesakes = [
        "call", "PyObject_Call", "_PyEval_EvalFrameDefault", "PyObject_Malloc", "slot_tp_call", "start_thread",
        "Py_RunMain", "user_entry",
    ]  # fmt: skip
    inside = from_python(called)
    assert inside[0] == "back"
    start = inside.index("call")
    assert inside[start : start + len(namesakes)] == namesakes
    assert inside[-1] == "<module>"
    outside = from_python(threaded)
    assert outside[outside.index("call") :] == [*namesakes, "thread_main"]


EMBEDDER = """
#define PY_SSIZE_T_CLEAN
#include <Python.h>
__attribute__((noinline)) int run_script(const char *text) {
    int failed = PyRun_SimpleString(text);
    __asm__(""); /* no tail call */
    return failed;
}
int main(int count, char **arguments) {
    (void)count;
    Py_Initialize();
    int failed = run_script(arguments[1]);
    return Py_FinalizeEx() < 0 || failed;
}
"""


def test_a_program_that_embeds_python_keeps_its_own_frames(tmp_path: Path) -> None:
    linked = with_shared_library()
    if linked is None:
        pytest.skip("this Python has no shared library to embed")
    source, program = tmp_path / "embedder.c", tmp_path / "embedder"
    source.write_text(EMBEDDER, encoding="utf-8")
    compiler = shlex.split(os.environ.get("CC", "cc"))
    headers = f"-I{sysconfig.get_path('include')}"
    subprocess.run([*compiler, "-O2", headers, str(source), "-o", str(program), *linked], check=True)
    text = "import show; show.memprof.start(0); keep = bytearray(70001); show.show(70001)"
    environment = {"PYTHONHOME": sys.base_prefix, "PYTHONPATH": os.pathsep.join([str(HELPERS), *sys.path])}
    told = subprocess.run(
        [str(program), text], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    ((*stack,),) = json.loads(told.stdout)
    functions = [function for function, _ in stack]
    outside = functions[functions.index("<module>") + 1 :]
    assert outside[:2] == ["run_script", "main"]
    assert not any("libc" in function for function in outside)
