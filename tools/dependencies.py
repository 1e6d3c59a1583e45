"""Unpacks a dependency of tests or benchmarks below a folder, unless the system provides it.

python3 tools/dependencies.py build/deps/NAME           NAME: a row of TABLE, or a Python such as python3.15

The folder stays empty if the system provides the dependency, or if an optional dependency is unavailable; tests that
need it are then skipped with the reason. If a required one is unavailable, this exits with 1 and leaves no folder.
"""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import fetch_debian
import move_python

# ---- Checks of the system


def has_header(name: str) -> bool:
    """Return True if the compiler finds a header."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    program = f"#if !__has_include(<{name}>)\n#error\n#endif\n"
    try:
        asked = subprocess.run(
            [*compiler, "-E", "-"], input=program, encoding="utf-8", capture_output=True, check=False
        )
    except OSError:
        return False
    return asked.returncode == 0


def has_library(name: str) -> bool:
    """Return True if the loader finds a shared library."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def has_program(*names: str) -> bool:
    """Return True if one of the programs is on PATH."""
    return any(shutil.which(name) for name in names)


def nothing() -> bool:
    """Return False, for dependencies that are taken from the packages even if the system provides them."""
    return False


# ---- Dependencies


def move_python_home(folder: Path, home: Path) -> None:
    move_python.move(folder / "usr", home.name, home / "usr")


def compile_python(home: Path) -> None:
    move_python.compile_modules(home, home.name)


def complete_aarch64_python(folder: Path, _home: Path) -> None:
    """Add /lib, which the packages leave to the system, and link all headers into Python's folder."""
    if not (folder / "lib").exists():
        (folder / "lib").symlink_to("usr/lib")
    for headers in folder.glob("usr/include/python3.*"):
        (headers / "aarch64-linux-gnu").symlink_to("../aarch64-linux-gnu")


@dataclass(frozen=True)
class Dependency:
    """One dependency. ``alternatives`` are packages that provide it; the first available one is used."""

    alternatives: tuple[str, ...]
    system_has_it: Callable[[], bool] = nothing
    required: bool = False
    with_what_they_need: bool = False
    suite: str = ""
    finish: Callable[[Path, Path], None] = lambda _folder, _home: None
    """Called with the folder before it gets its final name."""
    at_home: Callable[[Path], None] = lambda _home: None
    """Called once the folder has its final name."""


LIBFUZZERS = tuple(f"libfuzzer-{version}-dev" for version in (19, 18, 14))

TABLE = {
    "cmocka": Dependency(("libcmocka-dev libcmocka0",), lambda: has_header("cmocka.h"), required=True),
    # Other allocators, which are tested before and after ours.
    "allocators": Dependency(("libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0", "libjemalloc2")),
    # An unwinder to compare stacks and their cost with.
    "libunwind": Dependency(("libunwind8",), lambda: has_library("libunwind.so.8")),
    "chromium": Dependency(
        ("chromium-headless-shell fonts-dejavu-core",),
        lambda: has_program("chromium-headless-shell", "chromium"),
        with_what_they_need=True,
    ),
    # Makes clean roots of Debian releases.
    "debootstrap": Dependency(("debootstrap debian-archive-keyring",), lambda: has_program("debootstrap")),
    # Only its archive is used; without it, tests/fuzz/driver.c is used instead.
    "libfuzzer": Dependency(LIBFUZZERS),
    # Includes its headers, through which a program tells callgrind what to count.
    "valgrind": Dependency(("valgrind",), lambda: has_program("valgrind") and has_header("valgrind/callgrind.h")),
}


def row(name: str) -> Dependency | None:
    """Return the dependency of this name. A Python is not in the table: each one has its own folder, with the C library
    it was built for, and is fetched if missing.
    """
    foreign = re.fullmatch(r"aarch64-python(3\.\d+)", name)
    if foreign is not None and foreign[1] in DEBIAN_PYTHONS:
        return aarch64_python(foreign[1])
    if re.fullmatch(r"python3\.\d+", name) is None:
        return TABLE.get(name)
    packages = f"{name}-dev {name}-venv"
    return Dependency(
        (packages,),
        required=True,
        with_what_they_need=True,
        suite="sid",
        finish=move_python_home,
        at_home=compile_python,
    )


DEBIAN_PYTHONS = {"3.9": "bullseye", "3.11": "bookworm", "3.13": "trixie", "3.14": "sid"}
"""The Debian release that has a version of Python."""

AARCH64_PYTHON = """
    python{0}-minimal:arm64 libpython{0}-minimal:arm64 libpython{0}-stdlib:arm64 libpython{0}-dev:arm64
    libc6:arm64 zlib1g:arm64 libexpat1:arm64
"""


def aarch64_python(version: str) -> Dependency:
    """Return a Python for aarch64: its headers, and what an emulator needs to run it."""
    packages = " ".join(AARCH64_PYTHON.format(version).split())
    return Dependency((packages,), required=True, suite=DEBIAN_PYTHONS[version], finish=complete_aarch64_python)


def unpack(dependency: Dependency, folder: Path, home: Path) -> bool:
    """Fill the folder from the first available alternative. Return False if there is none."""
    for packages in dependency.alternatives:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            fetch_debian.fetch(folder, packages.split(), dependency.with_what_they_need, dependency.suite or None)
        except (OSError, subprocess.CalledProcessError):
            continue
        for rest in ("packages", "apt"):
            shutil.rmtree(folder / rest)
        dependency.finish(folder, home)
        return True
    return False


def provide(dependency: Dependency, home: Path) -> None:
    """Create the folder, which gets its name only once it is complete."""
    partial = home.with_name(f"{home.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    if not dependency.system_has_it() and not unpack(dependency, partial, home):
        shutil.rmtree(partial, ignore_errors=True)
        unavailable = f"{home.name} is unavailable. On Debian and Ubuntu: apt-get install {dependency.alternatives[0]}"
        if dependency.required:
            sys.exit(unavailable)
        print(f"{unavailable}. Tests and benchmarks that need it are skipped.", file=sys.stderr)
    partial.mkdir(parents=True, exist_ok=True)
    partial.replace(home)
    dependency.at_home(home)


def main() -> None:
    home = Path(sys.argv[1]).resolve() if len(sys.argv) == 2 else None
    dependency = row(home.name) if home else None
    if home is None or dependency is None:
        sys.exit(__doc__)
    provide(dependency, home)


if __name__ == "__main__":
    main()
