"""The build lists its source files by name. These tests check that none is missing and none is listed twice."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from conftest import ARCHITECTURES, ROOT, sources

BUILD_FILES = [Path("meson.build"), *sources("src", "python", "tests", pattern="meson.build")]
STRING = r"'[^'\n]*'"
# Matches a string, or several strings and variables joined by slashes.
NAME = re.compile(rf"(?:\w+ / )*{STRING}(?: / (?:\w+|{STRING}))*")
LIST = re.compile(r"[(\[][^()\[\]]*[)\]]")
SOURCE = re.compile(r"\w\.(?:c|h|py|pyi|js|css|html|typed)'$")


def is_layout(file: Path) -> bool:
    """Return True if this is the memory layout of another interpreter that the build supports."""
    room = Path("src/python")
    return room in file.parents and f"'{file.relative_to(room)}'" in (ROOT / room / "meson.build").read_text()


def is_for_another_system(file: Path) -> bool:
    """Return True if the build lists the file, but only for systems other than this one."""
    room = Path(*file.parts[:2])
    inside = file.relative_to(room)
    parts = ["architecture" if part in ARCHITECTURES else f"'{part}'" for part in inside.parts]
    return any(name in (ROOT / room / "meson.build").read_text() for name in (f"'{inside}'", " / ".join(parts)))


def alternatives(file: Path) -> list[Path]:
    """Return the files with the same name in the folders of the other architectures."""
    others = ARCHITECTURES - {file.parent.name} if file.parent.name in ARCHITECTURES else set()
    return [file.parent.parent / other / file.name for other in others]


def test_every_c_file_is_compiled(compile_commands: dict[Path, list[str]]) -> None:
    forgotten = [file for file in sources("src", pattern="*.c") if file not in compile_commands]
    other = {file for file in forgotten if any(one in compile_commands for one in alternatives(file))}
    other |= {file for file in forgotten if is_layout(file) or is_for_another_system(file)}
    assert [str(file) for file in forgotten if file not in other] == []


def test_every_architecture_has_the_same_files() -> None:
    own = [file for file in sources("src") if file.parent.name in ARCHITECTURES]
    assert own
    assert [str(other) for file in own for other in alternatives(file) if other not in own] == []


def test_one_frame_layout_is_compiled(compile_commands: dict[Path, list[str]]) -> None:
    layouts = [file.name for file in compile_commands if file.match("src/python/frames/pyframes_3*.c")]
    assert len(layouts) == 1


def test_every_c_test_is_compiled(compile_commands: dict[Path, list[str]]) -> None:
    tests = [file for file in sources("tests/c", pattern="test_*.c") if not file.stem.endswith("_macos")]
    assert [str(file) for file in tests if file not in compile_commands] == []


def test_every_python_file_is_installed(build_dir: Path) -> None:
    plan = json.loads((build_dir / "meson-info/intro-install_plan.json").read_text())
    installed = {Path(file).relative_to(ROOT) for file in plan["python"]}
    patterns = ("*.py", "*.pyi", "*.js", "*.css", "*.html", "*.pth", "py.typed")
    package = {file for pattern in patterns for file in sources("python", pattern=pattern)}
    assert sorted(map(str, installed)) == sorted(map(str, package))


def repeated(words: list[str]) -> list[str]:
    return sorted(word for word, count in Counter(words).items() if count > 1)


@pytest.mark.parametrize("file", BUILD_FILES, ids=str)
def test_no_build_file_lists_a_source_twice(file: Path) -> None:
    """No build file lists a file twice. In lists without suffixes, no name occurs twice."""
    text = re.sub(r"#.*", "", (ROOT / file).read_text())
    named = [name for name in NAME.findall(text) if SOURCE.search(name)]
    listed = [name for each in LIST.findall(text) for name in repeated(NAME.findall(each))]
    assert repeated(named) + listed == []


def test_lists_are_read_from_the_build_files() -> None:
    lists = [each for file in BUILD_FILES for each in LIST.findall((ROOT / file).read_text())]
    names = {name for each in lists for name in NAME.findall(each)}
    assert {"'memory_linux.c'", "architecture / 'tick_registers_linux.c'", "'memprof.py'", "'test_arena'"} <= names
