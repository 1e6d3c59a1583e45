"""Unpacks something that tests or benchmarks use below a folder, where the system does not have it.

python3 tools/dependencies.py build/deps/NAME           NAME: a row of TABLE, or a Python such as python3.15

The folder stays empty where the system has it, and where an optional one is unavailable; the tests that need that are
then skipped with their reason. Without a required one this exits with 1 and leaves no folder.
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

# ---- Whether the system has it


def has_header(name: str) -> bool:
    """Whether the compiler finds a header."""
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
    """Whether the loader finds a shared library."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def has_program(*names: str) -> bool:
    """Whether one of the programs is on PATH."""
    return any(shutil.which(name) for name in names)


def nothing() -> bool:
    """For what is wanted from the packages even if the system has it."""
    return False


# ---- What is fetched


def move_python_home(folder: Path, home: Path) -> None:
    move_python.move(folder / "usr", home.name, home / "usr")


def compile_python(home: Path) -> None:
    move_python.compile_modules(home, home.name)


def complete_aarch64_python(folder: Path, _home: Path) -> None:
    """Add what the packages leave to the system: /lib, and all headers below the folder of Python's."""
    if not (folder / "lib").exists():
        (folder / "lib").symlink_to("usr/lib")
    for headers in folder.glob("usr/include/python3.*"):
        (headers / "aarch64-linux-gnu").symlink_to("../aarch64-linux-gnu")


@dataclass(frozen=True)
class Dependency:
    """Packages that bring it: the first of the alternatives that is available."""

    alternatives: tuple[str, ...]
    system_has_it: Callable[[], bool] = nothing
    required: bool = False
    with_what_they_need: bool = False
    suite: str = ""
    finish: Callable[[Path, Path], None] = lambda _folder, _home: None
    """What is done in the folder before it gets its name."""
    at_home: Callable[[Path], None] = lambda _home: None
    """What is done when it has its name."""


LIBFUZZERS = tuple(f"libfuzzer-{version}-dev" for version in (19, 18, 14))

TABLE = {
    "cmocka": Dependency(("libcmocka-dev libcmocka0",), lambda: has_header("cmocka.h"), required=True),
    # Other allocators, to be tested before and behind ours.
    "allocators": Dependency(("libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0", "libjemalloc2")),
    # To compare stacks and their price with.
    "libunwind": Dependency(("libunwind8",), lambda: has_library("libunwind.so.8")),
    "chromium": Dependency(
        ("chromium-headless-shell fonts-dejavu-core",),
        lambda: has_program("chromium-headless-shell", "chromium"),
        with_what_they_need=True,
    ),
    # Makes clean roots of Debian's releases.
    "debootstrap": Dependency(("debootstrap debian-archive-keyring",), lambda: has_program("debootstrap")),
    # Its archive alone; without one tests/fuzz/driver.c does the work.
    "libfuzzer": Dependency(LIBFUZZERS),
    # With its headers, by which a program tells callgrind what to count.
    "valgrind": Dependency(("valgrind",), lambda: has_program("valgrind") and has_header("valgrind/callgrind.h")),
}


def row(name: str) -> Dependency | None:
    """A Python has a folder of its own, so that each is fetched when it is missing, with the C library it was built
    for."""
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
"""The release of Debian's that has a version."""

AARCH64_PYTHON = """
    python{0}-minimal:arm64 libpython{0}-minimal:arm64 libpython{0}-stdlib:arm64 libpython{0}-dev:arm64
    libc6:arm64 zlib1g:arm64 libexpat1:arm64
"""


def aarch64_python(version: str) -> Dependency:
    """Its headers, and what an emulator needs to run it."""
    packages = " ".join(AARCH64_PYTHON.format(version).split())
    return Dependency((packages,), required=True, suite=DEBIAN_PYTHONS[version], finish=complete_aarch64_python)


def unpack(dependency: Dependency, folder: Path, home: Path) -> bool:
    """Fills the folder from the first alternative that is available; False: none is."""
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
    """Makes the folder, which has its name only when it is whole."""
    partial = home.with_name(f"{home.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    if not dependency.system_has_it() and not unpack(dependency, partial, home):
        shutil.rmtree(partial, ignore_errors=True)
        unavailable = f"{home.name} is unavailable. On Debian and Ubuntu: apt-get install {dependency.alternatives[0]}"
        if dependency.required:
            sys.exit(unavailable)
        print(f"{unavailable}. What needs it is left out.", file=sys.stderr)
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
