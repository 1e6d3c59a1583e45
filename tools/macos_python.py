"""Unpacks CPython for macOS below a folder: its library and its headers, as Maven Central has them for Java programs.

python3 tools/macos_python.py build/deps/macos-python3.14      makes macosx-arm64 and macosx-x86_64 in it

The folder's name says which version. Before 3.13, Maven Central has only macosx-x86_64. Those headers fit arm64 too:
Python's pymacconfig.h corrects, for universal builds, what differs. Needs Java's Maven. Without it, this exits with 1
and leaves no folder.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from macos_rules import MINIMUM
from zig_build import DEPENDENCIES

COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
ARTIFACT = "org.bytedeco:cpython"
X86_64, ARM64 = "macosx-x86_64", "macosx-arm64"
RELEASES = {
    "3.10": ("3.10.8-1.5.8", (X86_64,)),
    "3.11": ("3.11.3-1.5.9", (X86_64,)),
    "3.12": ("3.12.1-1.5.10", (X86_64,)),
    "3.13": ("3.13.5-1.5.12", (X86_64, ARM64)),
    "3.14": ("3.14.3-1.5.13", (X86_64, ARM64)),
}
"""Each version's release there, and the machines it is for. The extension needs 3.10 on macOS."""
INSIDE = "org/bytedeco/cpython"
WANTED = ("include/", "libpython", "LICENSE")


def unpack(archive: Path, machine: str, folder: Path) -> None:
    """Unpack the headers and the library of one machine, without the folders above them."""
    above = f"{INSIDE}/{machine}/"
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            below = name.removeprefix(above)
            if below == name or name.endswith("/") or not below.startswith(WANTED):
                continue
            target = folder / machine / below
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(opened.read(name))


def fetch(version: str, folder: Path) -> None:
    """Fill the folder."""
    release, machines = RELEASES[version]
    for machine in machines:
        artifact = f"-Dartifact={ARTIFACT}:{release}:jar:{machine}"
        subprocess.run(["mvn", "-q", "-B", COPY, artifact, f"-DoutputDirectory={folder}"], check=True)
        (archive,) = folder.glob(f"*-{machine}.jar")
        unpack(archive, machine, folder)
        archive.unlink()


def provide(version: str, home: Path) -> None:
    """Create the folder, which gets its name only once it is complete."""
    partial = home.with_name(f"{home.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        fetch(version, partial)
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(partial)
        sys.exit(f"CPython for macOS was not fetched: {error}. On Debian and Ubuntu: apt-get install maven")
    shutil.rmtree(home, ignore_errors=True)
    partial.rename(home)


def find(version: str, machine: str) -> Path:
    """Return the folder with a Python's headers and library, for x86-64 if there is none for the machine."""
    home = DEPENDENCIES / f"macos-python{version}"
    if not home.exists():
        provide(version, home)
    own = home / f"macosx-{machine}"
    return own if own.exists() else home / X86_64


def build_time_variables(version: str, headers: str) -> dict[str, object]:
    """Return what a Mac's Python would say of how it was built, as far as the build of an extension asks."""
    tag = f"cpython-{version.replace('.', '')}-darwin"
    return {
        "ABIFLAGS": "",
        "CONFINCLUDEPY": headers,
        "EXT_SUFFIX": f".{tag}.so",
        "INCLUDEPY": headers,
        "LDVERSION": version,
        "LIBPYTHON": "",  # the interpreter has the symbols, whether it is a program or a framework
        "MACOSX_DEPLOYMENT_TARGET": MINIMUM,
        "Py_DEBUG": 0,
        "Py_GIL_DISABLED": 0,
        "SHLIB_SUFFIX": ".so",
        "SOABI": tag,
        "VERSION": version,
    }


def main() -> None:
    home = Path(sys.argv[1]) if len(sys.argv) == 2 else Path()
    version = home.name.partition("python")[2]
    if version not in RELEASES:
        sys.exit(__doc__)
    provide(version, home)


if __name__ == "__main__":
    main()
