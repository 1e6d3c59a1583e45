"""How the dynamic loader sees libspprof_alloc.so, and which libc symbols the library's objects use."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from conftest import output_of

ALLOCATES = set(
    """
    malloc calloc realloc reallocarray free posix_memalign aligned_alloc memalign valloc pvalloc
    strdup strndup asprintf vasprintf getline getdelim fopen fdopen open_memstream opendir
    """.split()
)
# Before glibc 2.34, threads and dlopen were in separate libraries.
LIBC_FILES = {
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
}


def dynamic_section(library: Path, tag: str) -> set[str]:
    return set(re.findall(rf"\({tag}\).*?\[(.+?)\]", output_of("readelf", "-dW", library)))


@pytest.mark.parametrize("room", ["base", "core", "cpu"])
def test_the_engine_below_its_hooks_never_allocates_with_malloc(build_dir: Path, room: str) -> None:
    undefined = set(re.findall(r"\bU (\w+)", output_of("nm", "-u", build_dir / "src" / room / f"lib{room}.a")))
    assert undefined, "objects that use nothing of libc cannot be right"
    assert undefined & ALLOCATES == set()


ANSWERS = (
    "buffer",
    "grow_mapping_linux",
    "native_names",
    "own_numbers",
    "own_numbers_linux",
    "stacks_text",
    "state",
    "state_text",
)
NEEDS_THE_PROGRAM = re.compile(r"_?Py\w+|f?printf|\w*puts|\w*printf\w*|dl\w+|getenv|qsort|pthread_mutex_\w+")


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_about_a_stuck_program_need_neither_malloc_nor_python_nor_the_loader(
    build_dir: Path, name: str
) -> None:
    (compiled,) = build_dir.glob(f"src/python/*.so.p/serve_{name}.c.o")
    undefined = set(re.findall(r"\bU (\w+)", output_of("nm", "-u", compiled)))
    assert undefined, "an object that uses nothing cannot be right"
    assert undefined & ALLOCATES == set()
    assert [symbol for symbol in undefined if NEEDS_THE_PROGRAM.fullmatch(symbol)] == []


def test_exported_symbols_are_the_listed_ones(engine: Path, root: Path) -> None:
    exported = {line.split()[-1] for line in output_of("nm", "-D", "--defined-only", engine).splitlines()}
    assert sorted(exported) == (root / "tests/tidy/exported_symbols.txt").read_text().split()


def declared_by(headers: Iterable[Path]) -> list[str]:
    api = re.compile(r"^SPPROF_API [^;]*?\b(spprof_\w+)(?:\(| __attribute__|;)", re.MULTILINE)
    return [name for header in headers for name in api.findall(header.read_text())]


def test_what_headers_declare_is_exported(engine: Path, root: Path) -> None:
    """Each exported symbol is declared once, in a public header, or in testing.h if only tests call it."""
    public = [root / "include/spprof.h", *(root / "include/spprof").glob("*.h")]
    declared = declared_by([*public, root / "src/testing.h"])
    listed = (root / "tests/tidy/exported_symbols.txt").read_text().split()
    assert sorted(declared) == [name for name in listed if name.startswith("spprof_")]


def test_only_tests_call_what_is_exported_for_them(root: Path) -> None:
    """Only tests call the functions in testing.h, except that the extension module exposes them to Python tests."""
    names = declared_by([root / "src/testing.h"])
    assert names
    calls = re.compile(rf"\b({'|'.join(names)})\(")
    users = {
        (room, name)
        for room in ("hooks", "python")
        for file in (root / "src" / room).rglob("*.[ch]")
        for name in calls.findall(file.read_text())
    }
    assert users <= {("python", "spprof_cpu_tick_of")}


def test_one_name_for_every_version(engine: Path) -> None:
    """A preloaded copy replaces the library that the extension needs, because both have the same soname."""
    assert dynamic_section(engine, "SONAME") == {"libspprof_alloc.so"}


def test_exports_carry_no_version(engine: Path) -> None:
    """If the definitions were versioned, they would not replace libc's malloc."""
    assert "VERDEF" not in output_of("readelf", "-dW", engine)


def test_allocators_can_be_referred_to_by_executables(engine: Path) -> None:
    """A non-PIE Python takes malloc's address. If the definition is protected, the loader warns about it on stderr."""
    symbols = output_of("readelf", "--dyn-syms", "-W", engine)
    defined = re.findall(r"FUNC +\w+ +(\w+) +\d+ (\w+)$", symbols, re.MULTILINE)
    allocators = {name: visibility for visibility, name in defined if not name.startswith("spprof_")}
    assert "malloc" in allocators
    assert {name for name, visibility in allocators.items() if visibility != "DEFAULT"} == set()


def test_only_libc_is_needed(engine: Path) -> None:
    needed = dynamic_section(engine, "NEEDED")
    assert "libc.so.6" in needed
    assert needed - LIBC_FILES == set()


def test_thread_state_is_in_static_tls(engine: Path) -> None:
    """Without the initial-exec model, malloc's path would call into the loader, which would allocate."""
    assert "STATIC_TLS" in output_of("readelf", "-dW", engine)
    assert "__tls_get_addr" not in output_of("nm", "-D", engine)


def test_the_engine_stays_mapped(engine: Path) -> None:
    """The engine's hooks and handlers outlive the code that loaded it."""
    assert "NODELETE" in output_of("readelf", "-dW", engine)
