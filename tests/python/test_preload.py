"""The library preloaded: one engine, everything that calls malloc, and strangers refused."""

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

# ---- One engine -------------------------------------------------------------------------------------------------

MAPPED = """
    import os

    import spprof.memprof as memprof
    from spprof import _engine

    mapped = {line.split()[5] for line in open("/proc/self/maps") if "libspprof_alloc" in line}
    assert mapped == {_engine.library_path()}, mapped
    mappings = [line for line in open("/proc/self/maps") if "libspprof_alloc" in line and " r-xp " in line]
    assert len(mappings) == 1, mappings
    memprof.start(0)
    held = bytearray(54_320)
    snapshot = memprof.get_snapshot()
    assert [s.size for s in snapshot.samples if s.size == 54_321] == [54_321], "counted by one of the hooks, once"
    print(memprof.get_stats().native_mode)
"""


@pytest.mark.parametrize(("preload", "mode"), [(False, "patch"), (True, "preload")])
def test_there_is_one_copy_of_the_engine(child: Child, preload: bool, mode: str) -> None:
    assert child.run(MAPPED, preload=preload).strip() == mode


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


# ---- What it sees -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(importlib.util.find_spec("numpy") is None, reason="numpy is not installed")
@pytest.mark.parametrize("rate", [64, 512])
def test_a_numpy_array_is_at_its_own_line(child: Child, rate: int) -> None:
    child.run(
        f"""
    import numpy as np
    import spprof.memprof as memprof

    def load():
        return np.zeros((10_000, 10_000))  # 800 MB, none of it touched

    memprof.start({rate}, seed=1)  # numpy's small blocks of this line are not among the samples
    data = load()
    (site,) = [s for s in memprof.get_snapshot().top_allocators() if s["function"] == "load"]
    assert abs(site["estimated_bytes"] / 0.8e9 - 1) < 1e-3, site
    assert site["low_bytes"] <= 0.8e9 <= site["high_bytes"] + 1e6
    del data
    assert not [s for s in memprof.get_snapshot().top_allocators() if s["estimated_bytes"] > 1e8]
    """,
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
        f"""
    import ctypes
    import threading

    import spprof.memprof as memprof

    library = ctypes.CDLL({str(library)!r})
    blocks = (ctypes.c_void_p * 1600)()
    memprof.start(0)
    assert library.allocate_in_threads(blocks, 16) == 0
    mine = [s for s in memprof.get_snapshot().samples if s.size == 12_345]
    assert len(mine) == 1600 and len({{s.thread_id for s in mine}}) == 16
    assert threading.get_native_id() not in {{s.thread_id for s in mine}}
    library.free_all(blocks, 1600)
    assert not [s for s in memprof.get_snapshot().samples if s.size == 12_345]
    """,
        preload=True,
    )


FAMILY = """
    import ctypes

    import spprof.memprof as memprof

    libc = ctypes.CDLL(None)
    size_t, pointer = ctypes.c_size_t, ctypes.c_void_p

    def call(name, *arguments):
        if not hasattr(libc, name):
            return None
        function = getattr(libc, name)
        function.restype = pointer
        return function(*arguments)

    def memalign(size):
        block = pointer()
        assert libc.posix_memalign(ctypes.byref(block), size_t(64), size_t(size)) == 0
        return block.value

    def held():
        return [s.size for s in memprof.get_snapshot().samples if 1_000_000 < s.size < 1_000_100]

    makers = [
        lambda size: call("malloc", size_t(size)),
        lambda size: call("calloc", size_t(1), size_t(size)),
        lambda size: call("realloc", None, size_t(size)),
        lambda size: call("reallocarray", None, size_t(1), size_t(size)),
        lambda size: call("aligned_alloc", size_t(64), size_t(size)),
        lambda size: call("memalign", size_t(64), size_t(size)),
        lambda size: call("valloc", size_t(size)),
        lambda size: call("pvalloc", size_t(size)),
        memalign,
    ]
    memprof.start(0)
    for number, make in enumerate(makers):
        size = 1_000_001 + number
        block = make(size)
        assert block and held() == [size], (number, held())
        libc.free(pointer(block))
        assert held() == [], number
    size = size_t(1_000_050)
    for release, arguments in (("free_sized", [size]), ("free_aligned_sized", [size_t(16), size])):
        block = call("malloc", size)
        assert held() == [1_000_050]
        getattr(libc, release)(pointer(block), *arguments)
        assert held() == [], release
"""


def test_every_function_of_the_family_is_counted_once(child: Child) -> None:
    child.run(FAMILY, preload=True)


# ---- Strangers --------------------------------------------------------------------------------------------------

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
    """A relative entry would make the loader complain in every child that starts elsewhere."""
    (tmp_path / "lib").mkdir()
    link = tmp_path / os.path.basename(library_path())
    link.symlink_to(library_path())
    finished = run_preloaded(entry.format(path=library_path(), name=link.name), CHILD_ELSEWHERE, tmp_path)
    assert finished.stderr == ""
    assert finished.stdout.strip() == "0 preload"


def test_a_program_of_another_kind_runs_as_before(tmp_path: Path) -> None:
    """Not every child is a Python."""
    program = 'import subprocess; print(subprocess.run(["sort"], input="b\\na\\n", capture_output=True, text=True))'
    plain = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    finished = run_preloaded(library_path(), program, tmp_path)
    assert (finished.stdout, finished.stderr) == (plain.stdout, "")


def test_a_python_that_never_imports_the_package_runs_as_before(tmp_path: Path) -> None:
    finished = run_preloaded(library_path(), "print(sum(len(bytearray(n)) for n in range(5000)))", tmp_path)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, f"{sum(range(5000))}\n", "")


def test_blocks_from_before_the_start_may_be_freed_after_it(child: Child, tmp_path: Path) -> None:
    child.run(
        """
    import spprof.memprof as memprof
    from blocks import Family, allocate_blocks, free_blocks, pointers

    family = Family("malloc")
    blocks = [pointers(1000) for _ in range(3)]
    for block in blocks:
        allocate_blocks(family, block, 3000)
    memprof.start(0)
    free_blocks(family, blocks[0])
    memprof.stop()
    free_blocks(family, blocks[1])
    memprof.shutdown()
    free_blocks(family, blocks[2])
    stats = memprof.get_stats()
    assert stats.collisions == 0 and stats.total_samples == stats.live_samples + stats.freed_samples
    """,
        preload=True,
        environment=blocks_environment(tmp_path),
    )
