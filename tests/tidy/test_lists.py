"""The build names its files one by one; here it is seen that none was forgotten."""

import json
from pathlib import Path

from conftest import ROOT, sources


def test_every_c_file_is_compiled(compile_commands: dict[Path, list[str]]) -> None:
    layouts = (ROOT / "src/python/meson.build").read_text()
    forgotten = [file for file in sources("src", pattern="*.c") if file not in compile_commands]
    assert [str(file) for file in forgotten if f"'{file.name}'" not in layouts] == []


def test_one_frame_layout_is_compiled(compile_commands: dict[Path, list[str]]) -> None:
    layouts = [file.name for file in compile_commands if file.match("src/python/pyframes_3*.c")]
    assert len(layouts) == 1


def test_every_c_test_is_compiled(compile_commands: dict[Path, list[str]]) -> None:
    assert [str(file) for file in sources("tests/c", pattern="test_*.c") if file not in compile_commands] == []


def test_every_python_file_is_installed(build_dir: Path) -> None:
    plan = json.loads((build_dir / "meson-info/intro-install_plan.json").read_text())
    installed = {Path(file).relative_to(ROOT) for file in plan["python"]}
    patterns = ("*.py", "*.pyi", "*.js", "*.css", "*.html", "py.typed")
    package = {file for pattern in patterns for file in sources("python/spprof", pattern=pattern)}
    assert sorted(map(str, installed)) == sorted(map(str, package))
