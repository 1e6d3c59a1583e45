"""What tools/wheels.py and tools/macos.py share: builds of the engine and of wheels with zig's C compiler."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEPENDENCIES = ROOT / "build" / "deps"
VENVS = ROOT / "build" / "venvs"
FILES = ROOT / "build" / "wheels"
REQUIREMENTS = ROOT / "tools" / "requirements-build.txt"

COMPILER_VARIABLES = ("CC", "CFLAGS", "CPPFLAGS", "LDFLAGS", "LD_PRELOAD", "MAKEFLAGS")


# ---- Tools


def zig() -> Path:
    """Return the compiler from the package ziglang."""
    found = importlib.util.find_spec("ziglang")
    if found is None or found.origin is None:
        sys.exit("ziglang is missing; `make wheels` and `make macos` install it")
    return Path(found.origin).parent / "zig"


def environment(**more: str) -> dict[str, str]:
    """Return the variables for every command: our tools first on PATH, no flags for another compiler, and zig's cache
    in build/.
    """
    kept = {name: value for name, value in os.environ.items() if name not in COMPILER_VARIABLES}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**kept, "PATH": path, "ZIG_GLOBAL_CACHE_DIR": str(ROOT / "build" / "zig"), **more}


def run(*command: str | Path, variables: dict[str, str] | None = None) -> str:
    """Return a command's output. If the command fails, show the output and exit."""
    words = [str(word) for word in command]
    ended = subprocess.run(
        words,
        cwd=ROOT,
        env=variables or environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    if ended.returncode != 0:
        sys.exit(f"{ended.stdout}\n{' '.join(words)}: exit status {ended.returncode}")
    return ended.stdout


# ---- Steps


def write_machine_file(file: Path, text: str, built: Path) -> None:
    """Write a meson file. Remove what was built with another text, because meson keeps the options of its first setup.

    The file's folder must exist.
    """
    if file.exists() and file.read_text(encoding="utf-8") != text:
        shutil.rmtree(built, ignore_errors=True)
    file.write_text(text, encoding="utf-8")


def build_engine(folder: Path, *options: str) -> None:
    run("meson", "setup", "--reconfigure", "-Dpython=false", "-Dwerror=true", *options, folder)
    run("meson", "compile", "-C", folder)


def build_wheel(
    venv: Path, interpreter: str, folder: Path, options: Sequence[str], variables: Mapping[str, str]
) -> Path:
    """Build a wheel with meson-python, whose tags are for the Python that the variables describe."""
    run(interpreter, "tools/venv.py", venv, REQUIREMENTS)
    raw = folder / "wheel"
    shutil.rmtree(raw, ignore_errors=True)
    setup = (*options, "-Dwerror=true")
    settings = [f"-Cbuild-dir={folder / 'build'}", *(f"-Csetup-args={option}" for option in setup)]
    pip = (venv / "bin/python", "-m", "pip", "--disable-pip-version-check", "wheel")
    known = environment(**variables)
    known["PATH"] = f"{venv / 'bin'}:{known['PATH']}"
    run(*pip, "--no-build-isolation", "--no-deps", "--wheel-dir", raw, *settings, ".", variables=known)
    (wheel,) = raw.glob("*.whl")
    return wheel


def foreign_variables(folder: Path, machine: str, text: str, platform: str) -> dict[str, str]:
    """Return the variables that make this machine's Python build for another one, and write the text that says how that
    one was built: a module that defines ``build_time_vars``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"_sysconfigdata_{machine}"
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return {"PYTHONPATH": str(folder), "_PYTHON_SYSCONFIGDATA_NAME": name, "_PYTHON_HOST_PLATFORM": platform}
