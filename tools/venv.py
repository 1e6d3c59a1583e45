"""Creates a virtual environment of the Python that runs this, or updates the existing one.

python3 tools/venv.py [--no-compile] DIRECTORY REQUIREMENTS_FILE...

--no-compile: modules are not compiled to bytecode until their first import.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path


def missing_prerequisite() -> str | None:
    """Return what this machine lacks for a build, with the command that installs it, or None if nothing is missing."""
    if sys.implementation.name != "cpython" or sys.version_info < (3, 9):
        return "CPython 3.9 or newer is needed; choose one with: make PYTHON=/path/to/python3"
    series = f"{sys.version_info.major}.{sys.version_info.minor}"
    on_mac = sys.platform == "darwin"
    on_debian = "On Debian and Ubuntu:"
    headers = Path(sysconfig.get_path("include"), "Python.h")
    if find_spec("venv") is None or find_spec("ensurepip") is None:
        return f"{sys.executable} has no venv module. {on_debian} apt-get install python3-venv (or python{series}-venv)"
    if not any(shutil.which(compiler) for compiler in (os.environ.get("CC", "cc").split()[0], "gcc", "clang")):
        remedy = "On macOS: xcode-select --install" if on_mac else f"{on_debian} apt-get install gcc libc6-dev"
        return f"There is no C compiler. {remedy}"
    if not headers.exists():
        if on_mac:
            return f"{headers} is missing. Use a Python of python.org or Homebrew: make PYTHON=/path/to/python3"
        return f"{headers} is missing. {on_debian} apt-get install python3-dev (or python{series}-dev)"
    return None


def install(directory: Path, requirements: list[Path], options: list[str]) -> None:
    """Install the requirements that are not installed yet. A copy of each file in the environment records what is
    installed.
    """
    stale = [r for r in requirements if not copy_in(directory, r).exists() or differ(copy_in(directory, r), r)]
    if not stale:
        return
    files = [argument for file in stale for argument in ("-r", str(file))]
    pip = [str(directory / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, *options, *files], check=True)
    for file in stale:
        shutil.copyfile(file, copy_in(directory, file))


def copy_in(directory: Path, requirements: Path) -> Path:
    return directory / f"installed-{requirements.name}"


def differ(one: Path, other: Path) -> bool:
    return one.read_bytes() != other.read_bytes()


def main() -> None:
    options = [word for word in sys.argv[1:] if word == "--no-compile"]
    directory, *requirements = (Path(name) for name in sys.argv[1 + len(options) :])
    missing = missing_prerequisite()
    if missing:
        sys.exit(missing)
    interpreter = f"{sys.base_prefix}\n{sys.version}\n"
    made_for = directory / "made-for"
    if not made_for.exists() or made_for.read_text() != interpreter:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(directory)], check=True)
        made_for.write_text(interpreter)
    try:
        install(directory, requirements, options)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)


if __name__ == "__main__":
    main()
