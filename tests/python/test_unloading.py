"""Libraries that are unloaded and replaced at their addresses: frames keep their owner, and dlclose works as it does
without spprof.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from child import Child
from native import compile_text
from specimens import specimen

pytestmark = pytest.mark.long  # independent of the Python version

# Both libraries request this otherwise free address, so the second is certain to take the place of the first.
PLACE = 0x2000000000

# The libraries have the same layout but different frame sizes: names show the owner, and the other library's rule
# misleads.
LIBRARY = """
#include <dlfcn.h>
#include <stdlib.h>

__attribute__((noinline)) void *NAME_inner(size_t size) {
    volatile char room[ROOM];
    room[0] = 1;
    void *block = malloc(size);
    room[1] = block != NULL;
    return block;
}

__attribute__((noinline)) void *NAME_outer(size_t size) {
    void *block = NAME_inner(size);
    __asm__ volatile("" ::: "memory"); /* and not a jump */
    return block;
}

static void *kept;
void *NAME_other; /* to be closed at the end */

void NAME_keep(size_t size) {
    kept = malloc(size);
}

static size_t left_behind;

void NAME_leave(size_t size) {
    left_behind = size;
}

__attribute__((destructor)) static void end(void) {
    free(kept);
    if (NAME_other) dlclose(NAME_other);
    if (left_behind) kept = NAME_inner(left_behind);
}
"""
ROOMS = {"one": 1000, "two": 3000}

PREAMBLE = """
import spprof.memprof as memprof
from spprof import _engine
from unloaded import Library, expect_leaf, stacks
"""


def build(folder: Path, name: str) -> str:
    place = [f"-Wl,-Ttext-segment={PLACE:#x}", "-Wl,--build-id"]
    return str(
        compile_text(LIBRARY.replace("NAME", name), folder / f"{name}.so", f"-DROOM={ROOMS[name]}", *place, "-ldl")
    )


@pytest.mark.parametrize("preload", [True, False])
def test_a_library_in_the_place_of_another_lends_it_no_names(child: Child, preload: bool) -> None:
    one, two = build(child.folder, "one"), build(child.folder, "two")
    program = specimen("unloading/a_library_in_the_place_of_another_lends_it_no_names")
    child.run(program, one, two, preload=preload)


@pytest.mark.parametrize("preload", [True, False])
def test_what_a_library_frees_while_it_is_unloaded_is_freed(child: Child, preload: bool) -> None:
    one = build(child.folder, "one")
    program = f"""
memprof.start(0)
one = Library({one!r}, "one")
one.keep(30001)
assert len(stacks()[30001]) == 1
one.unload()
assert 30001 not in stacks()
"""
    child.run(PREAMBLE + program, preload=preload)


@pytest.mark.parametrize("preload", [True, False])
def test_what_a_library_allocates_while_it_is_unloaded_has_its_whole_stack(child: Child, preload: bool) -> None:
    one = build(child.folder, "one")
    program = f"""
memprof.start(0)
one = Library({one!r}, "one")
one.leave(30001)
def closing(): one.unload()
closing()
((stack,),) = [found for size, found in stacks().items() if size == 30001]
functions = [frame.function for frame in stack]
assert functions[:2] == ["one_inner", "end"], functions
assert functions[-2:] == ["closing", "<module>"] and functions[-3].endswith("unload"), functions
assert "dlclose" in functions, functions
"""
    child.run(PREAMBLE + program, preload=preload)


@pytest.mark.parametrize("preload", [True, False])
def test_libraries_come_and_go_while_threads_are_sampled(child: Child, preload: bool) -> None:
    one, two = build(child.folder, "one"), build(child.folder, "two")
    steady = compile_text(LIBRARY.replace("NAME", "steady"), child.folder / "steady.so", "-DROOM=500", "-ldl")
    program = specimen("unloading/libraries_come_and_go_while_threads_are_sampled")
    child.run(program, one, two, str(steady), preload=preload)


SEQUENCE = """
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

static void close_and_tell(void *handle) {
    errno = 77;
    int status = dlclose(handle), left = errno;
    const char *error = dlerror();
    printf("%d %d %s\\n", status, left, error ? error : "no error");
}

static void tell_loaded(const char *path) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    printf("%s\\n", handle ? "loaded" : "not loaded");
    if (handle) dlclose(handle);
}

void sequence(const char *one, const char *two) {
    void *handle = dlopen(one, RTLD_NOW), *again = dlopen(one, RTLD_NOW), *other = dlopen(two, RTLD_NOW);
    printf("%d\\n", handle == again);
    close_and_tell(handle);
    tell_loaded(one);
    *(void **)dlsym(again, "one_other") = other; /* closed by the first while that is closed */
    close_and_tell(again);
    tell_loaded(one);
    tell_loaded(two);
    dlopen("/not/there.so", RTLD_NOW);
    close_and_tell(dlopen(two, RTLD_NOW));
    for (int i = 0; i < 4; i++) close_and_tell(dlopen(NULL, RTLD_NOW)); /* the program itself */
    void *program = dlopen(NULL, RTLD_NOW);
    for (int i = 0; i < 4; i++) close_and_tell(program); /* more often than it was opened */
    fflush(stdout);
}
"""


def test_dlclose_does_and_says_what_it_does_without_us(child: Child) -> None:
    one, two = build(child.folder, "one"), build(child.folder, "two")
    sequence = compile_text(SEQUENCE, child.folder / "sequence.so", "-ldl")
    program = f"import ctypes\nctypes.CDLL({str(sequence)!r}).sequence({one.encode()!r}, {two.encode()!r})\n"
    start = "import spprof.memprof as memprof\nmemprof.start(0)\n"
    alone = child.run(program)
    assert alone.splitlines()[:6] == ["1", "0 77 no error", "loaded", "0 77 no error", "not loaded", "not loaded"]
    assert "shared object not open" in alone
    assert child.run(program, preload=True) == alone
    assert child.run(start + program, preload=True) == alone
    assert child.run(start + program) == alone
