"""Shared by the tests marked `viewers`: other tools' programs, npm packages, a browser."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NBCONVERT = "nbconvert==7.17.2"
PACKAGES = ("pprof-format@2.3.2", "speedscope@1.25.0", "ajv@8.17.1", "axe-core@4.14.1")
TIMEOUT_SECONDS = 600

sys.path.insert(0, str(ROOT / "tools"))
import chromium  # noqa: E402


def output_of(*command: str | Path, cwd: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """Return a command's output. Raise AssertionError if it fails."""
    finished = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert finished.returncode == 0, f"{command}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout


def program(name: str, package: str) -> str:
    """Return a program's path. Skip the test if it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is missing; on Debian and Ubuntu: apt-get install {package}")
    return found


def browser_program() -> tuple[str, dict[str, str]]:
    """Return a Chromium and its environment. Skip the test if there is none."""
    found = chromium.find()
    if found is None:
        pytest.skip("chromium is missing: make build/deps/chromium, or on Debian and Ubuntu: apt-get install chromium")
    return found


def installed_packages() -> Path:
    """Return the folder of the npm packages, which are installed once. Skip the test if installation fails."""
    npm = program("npm", "npm")
    folder = ROOT / "build" / "viewers"
    wanted = "\n".join(PACKAGES)
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
        finished = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
        if finished.returncode:
            pytest.skip(f"npm could not install {', '.join(PACKAGES)}: {finished.stderr.strip()[-300:]}")
        stamp.write_text(wanted)
    return folder / "node_modules"


def installed_nbconvert() -> Path:
    """Install Jupyter's nbconvert once, in its own environment. Skip the test if installation fails."""
    folder = ROOT / "build" / "viewers" / "nbconvert"
    found, stamp = folder / "bin" / "jupyter-nbconvert", folder / "installed"
    if not stamp.exists() or stamp.read_text() != NBCONVERT:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        command = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", NBCONVERT]
        finished = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
        if finished.returncode:
            pytest.skip(f"pip could not install {NBCONVERT}: {finished.stderr.strip()[-300:]}")
        stamp.write_text(NBCONVERT)
    return found
