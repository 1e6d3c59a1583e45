"""Tidy tests check the sources and a build tree instead of behaviour."""

import json
import subprocess
from pathlib import Path

import pytest
from build_folder import build_folder

ROOT = Path(__file__).parents[2]

# The folders of architecture-specific code, as the build names them.
ARCHITECTURES = {"x86_64", "aarch64"}


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def build_dir() -> Path:
    return build_folder()


@pytest.fixture(scope="session")
def engine(build_dir: Path) -> Path:
    return build_dir / "libspprof_alloc.so"


@pytest.fixture(scope="session")
def compile_commands(build_dir: Path) -> dict[Path, list[str]]:
    """Return the compiler's arguments for each source file, relative to the project. Each file occurs once."""
    commands = json.loads((build_dir / "compile_commands.json").read_text())
    by_file = {}
    for entry in commands:
        file = (Path(entry["directory"]) / entry["file"]).resolve()
        by_file[file.relative_to(ROOT)] = entry["command"].split()
    return by_file


def output_of(*command: object) -> str:
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True, text=True).stdout


def tracked(*patterns: str) -> list[Path]:
    """Return the existing files that git tracks, relative to the project."""
    listed = output_of("git", "-C", ROOT, "ls-files", *patterns)
    return [Path(line) for line in listed.splitlines() if (ROOT / line).is_file()]


def sources(*folders: str, pattern: str = "*.[ch]") -> list[Path]:
    """Return the files below the given folders, relative to the project."""
    found = [file.relative_to(ROOT) for folder in folders for file in (ROOT / folder).rglob(pattern)]
    assert found, f"no {pattern} below {folders}"
    return sorted(found)
