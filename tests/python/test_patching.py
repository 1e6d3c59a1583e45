"""Native allocations without a restart, for every way of linking and for libraries loaded later. Pages are left
unchanged.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from child import HELPERS, Child
from embedded import with_shared_library
from native import compile_library, compile_text
from specimens import specimen

pytestmark = pytest.mark.long  # independent of the Python version

SOURCE = Path(__file__).parents[1] / "helpers" / "patched.c"

LINKING = {
    "lazy": ["-Wl,-z,lazy", "-Wl,-z,relro"],
    "bound at load, full RELRO": ["-Wl,-z,now", "-Wl,-z,relro"],
    "no RELRO": ["-Wl,-z,lazy", "-Wl,-z,norelro"],
    "bound at load, no RELRO": ["-Wl,-z,now", "-Wl,-z,norelro"],
    "no PLT, lazy": ["-fno-plt", "-Wl,-z,lazy", "-Wl,-z,relro"],
    "no PLT, bound at load": ["-fno-plt", "-Wl,-z,now", "-Wl,-z,relro"],
}

PREAMBLE = """
import os, sys
import spprof.memprof as memprof
from asked_for import BESIDE_A_BYTEARRAY
from patched_library import load, sizes
"""

INDENTED = PREAMBLE.replace("\n", "\n        ")

USE_ALL = """
one, two, three = library.by_call(22222), library.by_table(33333), library.by_libc(44444)
assert set(sizes()) - {11111} == {22222, 33333, 44444}, sizes()
library.give_back(one), library.give_back_by_table(two), library.give_back(three)
assert set(sizes()) <= {11111}, sizes()
assert memprof.get_stats().native_mode == "patch"
assert not [name for name in memprof.get_stats().uncovered_objects if name.endswith("patched.so")]
"""


def build(folder: Path, linking: str) -> Path:
    return compile_library(SOURCE, folder / "patched.so", *LINKING[linking], "-pthread", "-ldl")


@pytest.mark.parametrize("linking", LINKING)
def test_a_library_loaded_before_the_start_is_followed(child: Child, linking: str) -> None:
    library = build(child.folder, linking)
    child.run(f"{PREAMBLE}\nlibrary = load({str(library)!r})\nmemprof.start(0)\n{USE_ALL}")


@pytest.mark.parametrize("linking", LINKING)
def test_a_library_loaded_after_the_start_is_followed_from_its_first_call(child: Child, linking: str) -> None:
    library = build(child.folder, linking)
    child.run(f"{PREAMBLE}\nmemprof.start(0)\nlibrary = load({str(library)!r})\n{USE_ALL}")


def test_what_is_missed_of_a_later_library_is_what_its_constructor_allocates(child: Child) -> None:
    """As documented, the constructor runs before dlopen returns, when no slot of the library is patched yet."""
    library = build(child.folder, "bound at load, full RELRO")
    program = f"""
memprof.start(0)
library = load({str(library)!r})
blocks = [library.by_call(22222) for _ in range(5)]
assert sizes() == [22222] * 5, sizes()
"""
    child.run(PREAMBLE + program)


@pytest.mark.parametrize("linking", LINKING)
def test_slots_that_were_bound_before_the_start_are_followed(child: Child, linking: str) -> None:
    library = build(child.folder, linking)
    child.run(
        f"{PREAMBLE}\nlibrary = load({str(library)!r})\nlibrary.give_back(library.by_call(22222))\n"
        f"memprof.start(0)\n{USE_ALL}"
    )


def test_a_library_is_followed_though_samples_are_rare(child: Child) -> None:
    """The first calls after a dlopen look for new objects, whether or not they are sampled. A block of 50 MB never goes
    unsampled.
    """
    library = build(child.folder, "bound at load, full RELRO")
    program = f"""
memprof.start(512)
library = load({str(library)!r})
block = library.by_call(50_000_000)
assert [s.size for s in memprof.get_snapshot().samples if s.size == 50_000_000], memprof.get_snapshot()
"""
    child.run(PREAMBLE + program)


@pytest.mark.parametrize("linking", LINKING)
def test_page_protections_are_the_same_afterwards(child: Child, linking: str) -> None:
    library = build(child.folder, linking)
    child.run(specimen("patching/page_protections_are_the_same_afterwards"), str(library))


def test_a_library_that_finds_others_by_its_runpath_still_does(child: Child) -> None:
    hidden = child.folder / "hidden"
    hidden.mkdir()
    compile_text("int other(void) { return 1; }", hidden / "libother_of_runpath.so")
    library = compile_library(SOURCE, child.folder / "patched.so", f"-Wl,-rpath,{hidden}", "-pthread", "-ldl")
    child.run(f"""
        {INDENTED}
        library = load({str(library)!r})
        memprof.start()
        assert library.load(b"libother_of_runpath.so") == 1
    """)


def test_an_object_that_binds_past_a_preload_is_followed_by_patching(child: Child) -> None:
    """RTLD_DEEPBIND searches the library's own dependencies first and finds libc's malloc, not the preloaded one."""
    library = build(child.folder, "bound at load, full RELRO")
    program = f"""
        {INDENTED}
        library = load({str(library)!r}, os.RTLD_DEEPBIND)
        memprof.start(0, native=sys.argv[1] if len(sys.argv) > 1 else "patch")
        block = library.by_call(22222)
        assert sizes() == [22222], sizes()
        library.give_back(block)
        assert sizes() == [], sizes()
    """
    child.run(program, preload=True)


def test_a_library_that_calls_another_allocator_is_named_as_not_covered(child: Child) -> None:
    allocator = compile_text(
        """
        #include <stddef.h>
        static char room[1 << 16];
        static size_t used;
        void *malloc(size_t size) { return room + (used += (size + 15) & ~(size_t)15); }
        """,
        child.folder / "liballocator.so",
        "-fno-builtin",
    )
    caller = compile_text(
        """
        #include <stdlib.h>
        void *own(size_t size) { return malloc(size); }
        """,
        child.folder / "caller.so",
        "-Wl,--no-as-needed",
        str(allocator),
        f"-Wl,-rpath,{child.folder}",
    )
    child.run(f"""
        import ctypes, os
        import spprof.memprof as memprof
        library = ctypes.CDLL({str(caller)!r}, mode=os.RTLD_DEEPBIND)  # else everybody's malloc comes first
        library.own.restype, library.own.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        library.own(1)
        memprof.start(0)
        assert library.own(100)
        (name,) = memprof.get_stats().uncovered_objects
        assert name == {str(caller)!r}, name
    """)


def test_start_and_stop_a_thousand_times_under_allocating_threads(child: Child) -> None:
    library = build(child.folder, "lazy")
    child.run(specimen("patching/start_and_stop_a_thousand_times_under_allocating_threads"), str(library))


@pytest.mark.parametrize(
    "modes", [("off", "patch"), ("patch", "off"), ("patch", "off", "patch"), ("off", "patch", "off")]
)
@pytest.mark.parametrize("allocator", ["default", "debug", "malloc"])
def test_changing_the_native_mode_counts_each_block_once(child: Child, modes: tuple[str, ...], allocator: str) -> None:
    child.run(
        specimen("patching/changing_the_native_mode_counts_each_block_once"),
        *modes,
        environment={} if allocator == "default" else {"PYTHONMALLOC": allocator},
    )


def test_off_sees_only_pythons_allocators_though_the_library_is_preloaded(child: Child) -> None:
    library = build(child.folder, "lazy")
    program = f"""
library = load({str(library)!r})
memprof.start(0, native="off")
block = library.by_call(22222)
held = bytearray(33333 - BESIDE_A_BYTEARRAY)
assert sizes() == [33333], sizes()
assert memprof.get_stats().native_mode == "off"
del held
assert sizes() == [], sizes()
"""
    child.run(PREAMBLE + program, preload=True)


def test_a_child_forked_while_others_load_objects_goes_on(child: Child) -> None:
    """The loader's lock may be held by a thread that does not exist in the child, so the child must not take it."""
    library = build(child.folder, "lazy")
    other = compile_text("int other(void) { return 1; }", child.folder / "other.so")
    child.run(specimen("patching/a_child_forked_while_others_load_objects_goes_on"), str(library), str(other))


EMBEDDING = """
#include <Python.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *block);

void *malloc(size_t size) { return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return __libc_realloc(old, size); }
void free(void *block) { __libc_free(block); }

int main(int count, char **arguments) { return Py_BytesMain(count, arguments); }
"""


def test_a_program_that_embeds_python_and_brings_its_own_malloc_is_followed(child: Child) -> None:
    """With -rdynamic, every object uses the program's malloc, so the original is that one, not libc's."""
    linked = with_shared_library()
    if linked is None:
        pytest.skip("this Python has no shared library to embed")
    source, program = child.folder / "embedding.c", child.folder / "embedding"
    source.write_text(EMBEDDING, encoding="utf-8")
    headers = sysconfig.get_path("include")
    compile_program = ["cc", "-O2", "-fno-builtin", "-rdynamic", f"-I{headers}", str(source), "-o", str(program)]
    subprocess.run([*compile_program, *linked], check=True)
    library = build(child.folder, "bound at load, full RELRO")
    child.script.write_text(f"{PREAMBLE}\nlibrary = load({str(library)!r})\nmemprof.start(0)\n{USE_ALL}")
    environment = {
        **os.environ,
        "PYTHONHOME": f"{sys.base_prefix}:{sys.base_exec_prefix}",
        "PYTHONPATH": os.pathsep.join([sysconfig.get_path("platlib"), str(HELPERS)]),
        "LD_PRELOAD": "",
    }
    finished = subprocess.run(
        [str(program), str(child.script)], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert finished.returncode == 0, finished.stderr


def test_pointers_that_an_object_replaced_by_itself_do_not_make_it_uncovered(child: Child) -> None:
    """_decimal does this: it starts with malloc's address and replaces it with Python's own allocator."""
    text = """
        #include <stdlib.h>
        static void *other(size_t size) { (void)size; return NULL; }
        static void *(*allocate)(size_t) = malloc;
        __attribute__((constructor)) static void replace(void) { allocate = other; }
        void *own(size_t size) { return allocate(size); }
    """
    library = compile_text(text, child.folder / "replacing.so")
    child.run(f"""
        import ctypes
        import spprof.memprof as memprof
        ctypes.CDLL({str(library)!r})
        memprof.start(0)
        assert not memprof.get_stats().uncovered_objects, memprof.get_stats().uncovered_objects
    """)


def test_a_start_after_one_that_patched_still_patches(child: Child) -> None:
    child.run(f"""{PREAMBLE}
memprof.start(0, native="patch")
memprof.stop()
memprof.start(0)
assert memprof.get_stats().native_mode == "patch"
""")
