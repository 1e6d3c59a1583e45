"""Unpacks CPython for macOS below a folder: its library and its headers, as Maven Central has them for Java programs.

python3 tools/macos_python.py build/deps/macos-python      makes macosx-arm64 and macosx-x86_64 in it

Needs Java's Maven. Without it, this exits with 1 and leaves no folder.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
ARTIFACT = "org.bytedeco:cpython:3.14.3-1.5.13"
MACHINES = ("macosx-arm64", "macosx-x86_64")
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


def fetch(folder: Path) -> None:
    """Fill the folder."""
    for machine in MACHINES:
        artifact = f"-Dartifact={ARTIFACT}:jar:{machine}"
        subprocess.run(["mvn", "-q", "-B", COPY, artifact, f"-DoutputDirectory={folder}"], check=True)
        (archive,) = folder.glob(f"*-{machine}.jar")
        unpack(archive, machine, folder)
        archive.unlink()


def main() -> None:
    home = Path(sys.argv[1])
    partial = home.with_name(f"{home.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        fetch(partial)
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(partial)
        sys.exit(f"CPython for macOS was not fetched: {error}. On Debian and Ubuntu: apt-get install maven")
    shutil.rmtree(home, ignore_errors=True)
    partial.rename(home)


if __name__ == "__main__":
    main()
