"""All lists of CPython versions agree, and `make pythons` installs the right ones."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "tools"))  # after the standard library, because the folder has a venv.py
import dependencies
import find_pythons

OLDEST, NEWEST = find_pythons.VERSIONS[0], find_pythons.VERSIONS[-1]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# ---- Versions in each list


def test_each_version_has_a_layout_of_its_own_and_a_classifier() -> None:
    layouts = re.findall(r"^  '(3\.\d+)': \['frames/pyframes_(\d+)\.c'", text_of("src/python/meson.build"), re.M)
    assert layouts == [(version, version.replace(".", "")) for version in find_pythons.VERSIONS]
    classifiers = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text_of("pyproject.toml"))
    assert tuple(classifiers) == find_pythons.VERSIONS


@pytest.mark.parametrize("name", ["README.md", "src/python/meson.build", "CHANGELOG.md"])
def test_texts_name_the_oldest_and_the_newest_version(name: str) -> None:
    ranges = re.findall(r"(?:CPython|Python from) (3\.\d+) (?:to|–|-) (3\.\d+)", text_of(name))
    assert ranges
    assert set(ranges) == {(OLDEST, NEWEST)}


# ---- Fetched versions


def wanted(folder: Path, *versions: str) -> list[str]:
    """Return the versions that `make pythons` would fetch into a folder that stands in for build/deps."""
    command = ["make", "--dry-run", "pythons", f"DEPS={folder}", f"UNRELEASED={' '.join(versions)}"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout
    return re.findall(r"tools/dependencies\.py \S*/(\S+)$", told, re.M)


def test_a_changed_list_of_versions_brings_what_is_missing_whatever_is_there(tmp_path: Path) -> None:
    assert wanted(tmp_path, "3.14", "3.15") == ["python3.14", "python3.15"]
    for name in ("pythons", "python3.14"):  # the first is the former layout: all in one folder
        (tmp_path / name).mkdir()
    assert wanted(tmp_path, "3.14", "3.15") == ["python3.15"]
    assert wanted(tmp_path, "3.14", "3.15", "3.16") == ["python3.15", "python3.16"]
    (tmp_path / "python3.15").mkdir()
    assert wanted(tmp_path, "3.14", "3.15") == []


def test_a_python_is_fetched_whole_or_not_at_all() -> None:
    (packages,) = dependencies.row("python3.15").alternatives  # type: ignore[union-attr]
    assert packages == "python3.15-dev python3.15-venv"
    assert [dependencies.row(name) for name in ("python3", "python3.15t", "python2.7", "pythons")] == [None] * 4


def test_the_library_of_a_fetched_python_is_compiled_where_it_is_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "python3.15"

    def unpack(_dependency: object, folder: Path, _home: Path) -> bool:
        system = folder / "usr"
        (system / "lib" / name).mkdir(parents=True)
        (system / "lib" / name / "module.py").write_text("answer = 42\n", encoding="utf-8")
        (system / "bin").mkdir()
        (system / "bin" / name).write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
        (system / "bin" / name).chmod(0o755)
        return True

    monkeypatch.setattr(dependencies, "unpack", unpack)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    dependencies.provide(dependencies.row(name), tmp_path / name)  # type: ignore[arg-type]
    (compiled,) = (tmp_path / name).rglob("module.*.pyc")
    assert str(tmp_path / name / "usr" / "lib" / name / "module.py").encode() in compiled.read_bytes()


def test_what_was_fetched_is_among_what_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / f"python{NEWEST}" / "usr" / "bin" / f"python{NEWEST}"
    asked = []

    def ask(candidate: str, version: str) -> str | None:
        asked.append((candidate, version))
        return candidate if candidate == str(python) else None

    monkeypatch.setattr(find_pythons, "FETCHED", tmp_path)
    monkeypatch.setattr(find_pythons, "ask", ask)
    assert find_pythons.find() == {NEWEST: str(python)}
    assert (f"python{OLDEST}", OLDEST) in asked
