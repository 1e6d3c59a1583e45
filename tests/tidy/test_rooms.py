"""Which folder may include which: base <- core <- {hooks, cpu}. python sees only the public header."""

import re
from pathlib import Path

import pytest
from conftest import ARCHITECTURES, ROOT, output_of, sources

MAY_INCLUDE = {
    "base": {"base"},
    "core": {"core", "base", "include", "testing"},
    "hooks": {"hooks", "core", "base", "include"},
    "cpu": {"cpu", "core", "base", "include", "testing"},
    "python": {"python", "include", "testing"},
    "testing": {"include"},
}
OS_MACROS = re.compile(
    r"^\s*#.*\b(__linux__|__linux|__gnu_linux__|__APPLE__|_WIN32|__FreeBSD__|__GLIBC\w*)\b", re.MULTILINE
)
OS_FILES = ("_linux.c", "_linux.h", "_macos.c", "_macos.h", "_windows.c", "_windows.h")
ARCHITECTURE_MACROS = re.compile(
    r"^\s*#.*\b(__x86_64(__)?|__amd64(__)?|__i[3-6]86(__)?|__aarch64__|__arm\w*|__ARM\w*|__riscv\w*|__powerpc\w*"
    r"|__s390\w*|_M_\w+|__SSE\w*|__AVX\w*)\b",
    re.MULTILINE,
)
C_FILES = sources("src", "include")


def room_of(file: Path) -> str:
    if file.parts[0] == "include":
        return "include"
    return "testing" if file == Path("src/testing.h") else file.parts[1]


MACOS_HEADERS = Path("include/macos")
"""Headers that the build for macOS finds before those of the same name in ``include``."""


def is_for_macos(file: Path) -> bool:
    return file.is_relative_to(MACOS_HEADERS)


def included_as(file: Path) -> str:
    """Return the name by which this header is included: a public one by its path, any other by its file name."""
    if is_for_macos(file):
        return str(file.relative_to(MACOS_HEADERS))
    return str(file.relative_to("include")) if file.parts[0] == "include" else file.name


def rooms_by_header() -> dict[str, str]:
    headers = [file for file in sources("src", "include") if file.suffix == ".h"] + sources("src", pattern="*.def")
    return {included_as(file): room_of(file) for file in headers}


def included(file: Path, form: str) -> list[str]:
    return re.findall(r"^\s*#\s*include\s*" + form, (ROOT / file).read_text(), re.MULTILINE)


@pytest.mark.parametrize("file", [file for file in C_FILES if file.parts[0] == "src"], ids=str)
def test_includes_point_towards_the_base(file: Path) -> None:
    rooms = rooms_by_header()
    allowed = MAY_INCLUDE[room_of(file)]
    wrong = [name for name in included(file, '"([^"]+)"') if rooms.get(name) not in allowed]
    assert wrong == []


def architecture_of(file: Path) -> str:
    return file.parent.name if file.parent.name in ARCHITECTURES else ""


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_a_header_name_stands_for_one_file(architecture: str) -> None:
    """In the build of each architecture, a header name refers to a single file."""
    headers = [file for file in C_FILES if file.suffix == ".h" and not is_for_macos(file)]
    seen = [file for file in headers if architecture_of(file) in ("", architecture)]
    names = [included_as(file) for file in seen]
    assert sorted(names) == sorted(set(names))


def test_headers_for_macos_have_a_counterpart() -> None:
    for_macos = [file for file in C_FILES if is_for_macos(file)]
    assert for_macos
    assert {included_as(file) for file in for_macos} <= {included_as(file) for file in PUBLIC_HEADERS}


PUBLIC_HEADERS = [file for file in sources("include") if not is_for_macos(file)]


@pytest.mark.parametrize("file", PUBLIC_HEADERS, ids=str)
def test_public_headers_stand_alone_but_for_one_another(file: Path) -> None:
    others = {included_as(other) for other in PUBLIC_HEADERS} - {"spprof.h", included_as(file)}
    assert set(included(file, '"([^"]+)"')) <= others


@pytest.mark.parametrize("file", PUBLIC_HEADERS, ids=str)
def test_a_public_header_needs_no_other_before_it(file: Path, tmp_path: Path) -> None:
    source = tmp_path / "alone.c"
    source.write_text(f'#include "{included_as(file)}"\n')
    output_of("cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{ROOT / 'include'}", source)


def test_one_header_includes_all_public_ones() -> None:
    """Those that it does not include itself are included by others, or by the engine's own headers."""
    headers = PUBLIC_HEADERS + [file for file in sources("src") if file.suffix == ".h"]
    needed = {name for file in headers for name in included(file, '"([^"]+)"') if name.startswith("spprof/")}
    assert needed | {"spprof.h"} == {included_as(file) for file in PUBLIC_HEADERS}


def test_the_interpreter_is_seen_by_its_own_room_only() -> None:
    users = [
        file for file in C_FILES if any(name.startswith("Python.h") for name in included(file, '[<"]([^>"]+)[>"]'))
    ]
    assert users, "the extension includes Python.h"
    assert {room_of(file) for file in users} == {"python"}


def test_operating_systems_are_named_in_their_own_files_only() -> None:
    assert [
        str(file)
        for file in C_FILES
        if OS_MACROS.search((ROOT / file).read_text()) and not file.name.endswith(OS_FILES)
    ] == []


def test_architectures_are_named_in_their_own_folders_only() -> None:
    """Only the build selects the folder of an architecture."""
    shared = [file for file in C_FILES if not architecture_of(file)]
    assert [str(file) for file in shared if ARCHITECTURE_MACROS.search((ROOT / file).read_text())] == []


PYTHON_FOLDERS = ("frames", "allocators", "symbols", "serve", "module")


def test_the_extensions_folders_know_only_those_below() -> None:
    """The folder module uses all the others, and serve shows frames and names. The remaining folders do not use each
    other.
    """
    files = [file for file in C_FILES if room_of(file) == "python"]
    assert {file.parts[2] for file in files} == set(PYTHON_FOLDERS)
    folders = {file.name: file.parts[2] for file in files}
    arrows = {
        (file.parts[2], folders[name]) for file in files for name in included(file, '"([^"]+)"') if name in folders
    }
    assert {(user, used) for user, used in arrows if user not in ("module", used)} <= {
        ("serve", "frames"),
        ("serve", "symbols"),
    }


def test_the_engine_is_compiled_without_the_interpreters_headers(
    compile_commands: dict[Path, list[str]], build_dir: Path
) -> None:
    engine = {
        file: command for file, command in compile_commands.items() if room_of(file) in ("base", "core", "hooks", "cpu")
    }
    assert {room_of(file) for file in engine} >= {"base", "core", "hooks", "cpu"}
    for file, command in engine.items():
        folders = [build_dir / word[2:] for word in command if word.startswith("-I")]
        folders += [build_dir / command[at + 1] for at, word in enumerate(command) if word in ("-I", "-isystem")]
        assert [folder for folder in folders if (folder / "Python.h").exists()] == [], file
