"""The library among others in LD_PRELOAD: its own copies, allocators, and wrappers that call the next definition."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import spprof
from child import Child, library_path
from native import compile_library
from specimens import FOLDER, specimen

NAME = "libspprof_alloc.so"


def copy_of_library(folder: Path, version: str = spprof.__version__) -> str:
    """Copy the library, optionally with another version inside, and return the path. The loader treats the copy as a
    separate library.
    """
    folder.mkdir()
    content = Path(library_path()).read_bytes()
    old, new = spprof.__version__.encode(), version.encode()
    assert len(old) == len(new)
    assert content.count(old) > 0
    (folder / NAME).write_bytes(content.replace(old, new))
    return str(folder / NAME)


def another_version() -> str:
    """Return a different version string of the same length as ours."""
    return "9" * (len(spprof.__version__) - 4) + ".9.9"


def copies(folder: Path) -> dict[str, str]:
    """Return values of LD_PRELOAD that contain several copies of our library."""
    own = library_path()
    one, two = copy_of_library(folder / "one"), copy_of_library(folder / "two")
    other = copy_of_library(folder / "other", another_version())
    (folder / "link").mkdir()
    link = folder / "link" / NAME
    link.symlink_to(own)
    return {
        "two": f"{own}:{one}",
        "two the other way": f"{one}:{own}",
        "three": f"{own}:{one}:{two}",
        "twice": f"{own}:{own}",
        "by a link": f"{link}:{own}",
        "another version behind": f"{own}:{other}",
        "another version before": f"{other}:{own}",
        "copies of another version only": f"{other}:{one}",
    }


WAYS = [
    "two",
    "two the other way",
    "three",
    "twice",
    "by a link",
    "another version behind",
    "another version before",
    "copies of another version only",
]


def run(command: list[str], preload: str | None, folder: Path) -> tuple[int, str, str]:
    variables = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    if preload:
        variables["LD_PRELOAD"] = preload
    finished = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, encoding="utf-8", timeout=300, check=False
    )
    return finished.returncode, finished.stdout, finished.stderr


@pytest.mark.parametrize("way", WAYS)
def test_programs_run_as_before_with_two_copies(tmp_path: Path, way: str) -> None:
    """Formerly, each copy treated the other as the original and called it endlessly."""
    preload = copies(tmp_path)[way]
    text = "import subprocess as s; print(len(bytes(300_000)), s.getoutput('echo of a child'))"
    for command in (["ls", "/"], ["sort", __file__], [sys.executable, "-c", text]):
        assert run(command, preload, tmp_path) == run(command, None, tmp_path), command


@pytest.mark.parametrize("way", [way for way in WAYS if "another version" not in way])
def test_one_of_the_copies_does_all_the_work(child: Child, tmp_path: Path, way: str) -> None:
    preload = copies(tmp_path)[way]
    told = json.loads(child.run(specimen("preload/counts_once"), environment={"LD_PRELOAD": preload}))
    assert told["mode"] == "preload"
    first = preload.split(":")[0]
    assert os.path.samefile(told["engine"], first), told
    assert len(told["mapped"]) == len({os.path.realpath(path) for path in preload.split(":")})


def test_a_copy_of_another_version_behind_ours_steps_aside(child: Child, tmp_path: Path) -> None:
    preload = copies(tmp_path)["another version behind"]
    told = json.loads(child.run(specimen("preload/counts_once"), environment={"LD_PRELOAD": preload}))
    assert (told["mode"], told["engine"]) == ("preload", library_path())


@pytest.mark.parametrize("way", ["another version before", "copies of another version only"])
def test_a_copy_of_another_version_before_ours_is_named_by_the_import(child: Child, tmp_path: Path, way: str) -> None:
    preload = copies(tmp_path)[way]
    finished = child.attempt(specimen("preload/counts_once"), environment={"LD_PRELOAD": preload})
    assert finished.returncode == 1
    error = finished.stderr.splitlines()[-1]
    assert error.startswith("ImportError: ")
    assert f"version {another_version()}" in error
    assert preload.split(":")[0] in error
    assert f"preload {library_path()}" in error


# ---- Two environments -------------------------------------------------------------------------------------------


def package_elsewhere(folder: Path) -> Path:
    """Create the package, including its own library, as if in another environment. Return the entry for PYTHONPATH."""
    package = Path(spprof.__file__).parent
    engine = [path for path in Path(library_path()).parent.iterdir() if path.name.startswith(("_engine.", NAME))]
    shutil.copytree(package, folder / "spprof", symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for path in engine:
        shutil.copy2(path, folder / "spprof" / path.name)
    return folder


@pytest.mark.parametrize("version", ["same", "another"])
def test_run_works_below_the_library_of_another_environment(child: Child, tmp_path: Path, version: str) -> None:
    """The library of the run's own environment comes first, and the inherited one is inactive."""
    inherited = copy_of_library(tmp_path / "other", spprof.__version__ if version == "same" else another_version())
    elsewhere = package_elsewhere(tmp_path / "elsewhere")
    variables = {**os.environ, "PYTHONPATH": str(elsewhere), "LD_PRELOAD": inherited}
    script = tmp_path / "script.py"
    script.write_text("kept = bytearray(9_000_000)\nimport os\nprint(os.environ['LD_PRELOAD'])\n", encoding="utf-8")
    command = [sys.executable, "-m", "spprof", "run", "-o", "out.pb.gz", str(script)]
    if version == "another":  # -m spprof itself imports the engine next to it
        command = [sys.executable, "-m", "spprof", "preload-path"]
    finished = subprocess.run(
        command, cwd=tmp_path, env=variables, capture_output=True, encoding="utf-8", timeout=300, check=False
    )
    if version == "another":
        assert finished.returncode == 1
        assert f"preload {elsewhere / 'spprof' / NAME}" in finished.stderr.splitlines()[-1]
        return
    assert (finished.returncode, finished.stdout) == (0, f"{inherited}\n"), finished.stderr
    assert (tmp_path / "out.pb.gz").is_file()
    assert "script.py:1" in finished.stderr


@pytest.mark.parametrize("mode", ["preload", "patch"])
@pytest.mark.parametrize("how", ["RTLD_LOCAL", "RTLD_GLOBAL"])
def test_a_copy_that_is_loaded_later_passes_everything_on(child: Child, tmp_path: Path, mode: str, how: str) -> None:
    copy = copy_of_library(tmp_path / "copy")
    child.run(specimen("preload/a_copy_comes_later"), copy, how, mode, preload=mode == "preload")


# ---- Others -----------------------------------------------------------------------------------------------------


def compiled(name: str, folder: Path) -> str:
    return str(compile_library(FOLDER / name, folder / Path(name).with_suffix(".so").name, "-fno-builtin"))


@pytest.mark.parametrize(
    ("order", "mode"), [("{other}:{own}", "preload"), ("{own}:{other}", "preload"), ("{other}", "patch")]
)
def test_a_wrapper_that_calls_the_next_definition_is_no_original(
    child: Child, tmp_path: Path, order: str, mode: str
) -> None:
    """A wrapper that is preloaded before our library calls our library. If our library called the wrapper in turn, the
    calls would never end.
    """
    wrapper = compiled("preload/wrapper.c", tmp_path)
    preload = order.format(own=library_path(), other=wrapper)
    for command in (["ls", "/"], [sys.executable, "-c", "print(bytes(3000))"]):
        assert run(command, preload, tmp_path) == run(command, None, tmp_path)
    told = json.loads(child.run(specimen("preload/counts_once"), environment={"LD_PRELOAD": preload}))
    assert told["mode"] == mode


@pytest.mark.parametrize(
    ("order", "mode"), [("{other}:{own}", "patch"), ("{own}:{other}", "preload"), ("{other}", "patch")]
)
def test_an_allocator_stays_the_allocator_on_either_side(child: Child, tmp_path: Path, order: str, mode: str) -> None:
    """Blocks from the other allocator are returned to it, no matter when sampling began."""
    other = compiled("other_allocator.c", tmp_path)
    preload = order.format(own=library_path(), other=other)
    told = json.loads(
        child.run(specimen("preload/counts_once_in_other_allocator"), environment={"LD_PRELOAD": preload})
    )
    assert told["mode"] == mode
