"""Makes Debian's Pythons run from the folder that they were unpacked into, with the C library that lies beside them.

python3 tools/move_python.py DIRECTORY VERSION...       needs patchelf
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WHEELS = "share/python-wheels"


def move(system: Path, version: str) -> None:
    """Tells it where its loader and libraries are, pip's wheel, and those of its headers that depend on the machine."""
    (library,) = system.glob("lib/*-linux-gnu")
    (loader,) = library.glob("ld-linux-*.so.*")
    python = system / "bin" / f"python{version}"
    patch = ["patchelf", "--set-interpreter", str(loader), "--force-rpath", "--set-rpath", str(library), str(python)]
    subprocess.run(patch, check=True)
    for settings in system.glob(f"lib/python{version}/_sysconfigdata_*.py"):
        text = settings.read_text().replace(f"'/usr/{WHEELS}/'", repr(str(system / WHEELS)))
        settings.write_text(text)
    headers = system / "include" / f"python{version}" / library.name
    if not headers.exists():
        headers.symlink_to(Path("..") / library.name)


def main() -> None:
    directory, *versions = sys.argv[1:]
    for version in versions:
        move(Path(directory).resolve() / "usr", version)


if __name__ == "__main__":
    main()
