"""The library preloaded: there is one engine, it sees everything that calls malloc, and foreign copies are rejected."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import spprof
from child import Child, library_path
from native import blocks_environment, compile_text
from specimens import specimen

# ---- One engine -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("preload", "mode"), [(False, "patch"), (True, "preload")])
def test_there_is_one_copy_of_the_engine(child: Child, preload: bool, mode: str) -> None:
    assert child.run(specimen("preload/mapped"), preload=preload).strip() == mode


def test_preload_mode_is_refused_with_its_remedy_where_it_cannot_hold(child: Child) -> None:
    message = child.run("""
    import spprof.memprof as memprof
    try:
        memprof.start(native="preload")
    except RuntimeError as error:
        print(error)
    assert not memprof.is_active() and memprof.get_stats().total_samples == 0
    memprof.start(native="auto")
    """)
    assert f"LD_PRELOAD={library_path()}" in message


def test_preload_is_accepted_where_it_holds(child: Child) -> None:
    child.run(
        "import spprof.memprof as m; m.start(native='preload'); assert m.get_stats().native_mode == 'preload'",
        preload=True,
    )


# ---- Coverage ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(importlib.util.find_spec("numpy") is None, reason="numpy is not installed")
@pytest.mark.parametrize("rate", [64, 512])
def test_a_numpy_array_is_at_its_own_line(child: Child, rate: int) -> None:
    child.run(
        specimen("preload/a_numpy_array_is_at_its_own_line"),
        str(rate),
        preload=True,
    )


THREADS = """
#include <pthread.h>
#include <stdlib.h>

static void *work(void *argument) {
    void **blocks = argument;
    for (int i = 0; i < 100; i++) blocks[i] = malloc(12345);
    return NULL;
}

/* Threads that the interpreter knows nothing of. */
int allocate_in_threads(void **blocks, int count) {
    pthread_t threads[64];
    if (count > 64) return 1;
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, work, blocks + 100 * i) != 0) return 2;
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
    return 0;
}

void free_all(void **blocks, int count) {
    for (int i = 0; i < count; i++) free(blocks[i]);
}
"""


def test_threads_of_c_libraries_are_sampled(child: Child, tmp_path: Path) -> None:
    library = compile_text(THREADS, tmp_path / "threads.so", "-pthread")
    child.run(
        specimen("preload/threads_of_c_libraries_are_sampled"),
        str(library),
        preload=True,
    )


def test_every_function_of_the_family_is_counted_once(child: Child) -> None:
    child.run(specimen("preload/family"), preload=True)


# ---- Foreign copies ---------------------------------------------------------------------------------------------

STRANGER = 'const char *spprof_version(void) { return "9.9.9"; }\n'
NO_STRANGER = "int something_else(void) { return 1; }\n"


@pytest.mark.parametrize(("text", "version"), [(STRANGER, "9.9.9"), (NO_STRANGER, "unknown")])
def test_a_library_of_another_version_is_refused(child: Child, tmp_path: Path, text: str, version: str) -> None:
    (tmp_path / "other").mkdir()
    stranger = compile_text(text, tmp_path / "other" / "libspprof_alloc.so", "-Wl,-soname,libspprof_alloc.so")
    finished = child.attempt("import spprof.memprof", environment={"LD_PRELOAD": str(stranger)})
    assert finished.returncode == 1
    error = finished.stderr.splitlines()[-1]
    assert error.startswith("ImportError: ")
    assert f"version {version}" in error
    assert f"version {spprof.__version__}" in error
    assert f"preload {library_path()}" in error


# ---- Children ---------------------------------------------------------------------------------------------------


def run_preloaded(value: str, program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "LD_PRELOAD": value}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=variables,
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )


CHILD_ELSEWHERE = """
import subprocess, sys
code = "import spprof.memprof as m; m.start(native='preload'); print(m.get_stats().native_mode)"
finished = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True)
print(finished.returncode, finished.stdout.strip(), finished.stderr.strip())
"""


@pytest.mark.parametrize(
    "entry", ["{path}", "./{name}", "lib/../{name}", "./{name}:./{name}"], ids=["absolute", "dot", "folder", "twice"]
)
def test_children_in_another_folder_inherit_it_quietly(tmp_path: Path, entry: str) -> None:
    """A relative entry in LD_PRELOAD would make the loader complain in every child that starts in another folder."""
    (tmp_path / "lib").mkdir()
    link = tmp_path / os.path.basename(library_path())
    link.symlink_to(library_path())
    finished = run_preloaded(entry.format(path=library_path(), name=link.name), CHILD_ELSEWHERE, tmp_path)
    assert finished.stderr == ""
    assert finished.stdout.strip() == "0 preload"


def test_a_program_of_another_kind_runs_as_before(tmp_path: Path) -> None:
    """Some children of a Python program are not Python programs."""
    program = 'import subprocess; print(subprocess.run(["sort"], input="b\\na\\n", capture_output=True, text=True))'
    plain = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    finished = run_preloaded(library_path(), program, tmp_path)
    assert (finished.stdout, finished.stderr) == (plain.stdout, "")


def test_a_python_that_never_imports_the_package_runs_as_before(tmp_path: Path) -> None:
    finished = run_preloaded(library_path(), "print(sum(len(bytearray(n)) for n in range(5000)))", tmp_path)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, f"{sum(range(5000))}\n", "")


def test_blocks_from_before_the_start_may_be_freed_after_it(child: Child, tmp_path: Path) -> None:
    child.run(
        specimen("preload/blocks_from_before_the_start_may_be_freed_after_it"),
        preload=True,
        environment=blocks_environment(tmp_path),
    )
