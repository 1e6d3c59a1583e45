"""How wheels are built: the Makefile, the requirements, the workflow and the documents agree."""

from __future__ import annotations

import platform
import re
import sys
from pathlib import Path

import pytest
from conftest import ARCHITECTURES, ROOT, sources

sys.path.append(str(ROOT / "tools"))  # after the standard library, because the folder has a venv.py
import dependencies
import find_pythons
import nightly
import wheels
import zig_build


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def recipe(target: str) -> str:
    """The lines of a Makefile rule, including its prerequisites."""
    (found,) = re.findall(rf"^{target}:(.*\n(?:\t.*\n)+)", text_of("Makefile"), re.MULTILINE)
    return found


def test_make_wheels_installs_exact_versions_of_what_decides_the_glibc() -> None:
    assert "tools/requirements-wheels.txt" in recipe("wheels-venv")
    for target in ("wheels", "wheels-aarch64"):
        assert "wheels-venv" in recipe(target)
        assert "tools/wheels.py" in recipe(target)
    pinned = re.findall(r"^([\w-]+)==\d", text_of("tools/requirements-wheels.txt"), re.MULTILINE)
    assert pinned == ["ziglang", "auditwheel"]


def test_the_workflow_builds_in_containers_on_both_architectures() -> None:
    workflow = text_of(".github/workflows/wheels.yml")
    assert "run: make docker-wheels" in workflow
    assert "tools/requirements-docker-wheels.txt" in recipe("docker-wheels")
    assert "tools/requirements-docker-wheels.txt" in workflow
    assert re.search(r"machine: \[ubuntu-[\d.]+, ubuntu-[\d.]+-arm\]", workflow)
    assert re.search(r"^cibuildwheel==\d", text_of("tools/requirements-docker-wheels.txt"), re.MULTILINE)


@pytest.mark.parametrize("name", ["CHANGELOG.md", "CONTRIBUTING.md", "docs/platforms.md", "Makefile"])
def test_texts_name_the_glibc_that_wheels_are_built_for(name: str) -> None:
    assert f"glibc {wheels.GLIBC}" in text_of(name)


def test_the_wheels_are_checked_for_that_glibc_by_a_nightly_piece() -> None:
    assert f"NEWEST_GLIBC = ({wheels.GLIBC.replace('.', ', ')})" in text_of("tests/nightly/check_wheels.py")
    assert "record-check-wheels" in nightly.pieces()["wheels"]
    assert {"wheels", "wheels-aarch64"} < set(recipe("check-wheels").partition("\n")[0].split())


def test_aarch64_wheels_are_for_supported_pythons() -> None:
    versions = list(dependencies.DEBIAN_PYTHONS)
    assert versions == [version for version in find_pythons.VERSIONS if version in versions]
    for version in versions:
        row = dependencies.row(f"aarch64-python{version}")
        assert row is not None
        assert row.suite == dependencies.DEBIAN_PYTHONS[version]
        assert all(package.endswith(":arm64") for package in row.alternatives[0].split())
    assert dependencies.row("aarch64-python2.7") is None


def test_no_mirror_is_named() -> None:
    named = re.compile(r"https?://[^\s\"']*(?:/debian\b|debian\.org/debian)")
    assert [
        str(file) for file in sources("tools", "tests/nightly", pattern="*.py") if named.search(text_of(str(file)))
    ] == []


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(wheels, "BUILD", tmp_path)
    monkeypatch.setattr(wheels, "zig", lambda: Path("/zig"))
    return tmp_path


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_meson_is_told_the_machine_and_the_glibc(build: Path, machine: str) -> None:
    kind, _, file = wheels.machine_option(machine).partition("=")
    assert kind == ("--native-file" if machine == platform.machine() else "--cross-file")
    text = Path(file).read_text(encoding="utf-8")
    assert f"'-target', '{machine}-linux-gnu.{wheels.GLIBC}'" in text
    assert ("[host_machine]" in text) == (kind == "--cross-file")


def test_a_build_with_other_options_starts_afresh(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels.machine_option("x86_64")
    (build / "x86_64" / "engine").mkdir(parents=True)
    wheels.machine_option("x86_64")
    assert (build / "x86_64" / "engine").exists()
    monkeypatch.setattr(wheels, "GLIBC", "2.28")
    wheels.machine_option("x86_64")
    assert not (build / "x86_64").exists()


def test_flags_for_another_compiler_do_not_reach_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in zig_build.COMPILER_VARIABLES:
        monkeypatch.setenv(name, "-march=native")
    assert set(zig_build.environment()) & set(zig_build.COMPILER_VARIABLES) == set()
