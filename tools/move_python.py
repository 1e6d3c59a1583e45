"""Makes a Debian Python run from the folder into which it was unpacked, with the C library next to it.

Needs patchelf. tools/dependencies.py calls this.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

WHEELS = "share/python-wheels"


def move(system: Path, name: str, home: Path) -> None:
    """Set the paths of the Python's loader and libraries, of pip's wheel, and of its machine-dependent headers.

    ``name`` is python3.NN; ``home`` is the final path of ``system``.
    """
    (library,) = system.glob("lib/*-linux-gnu")
    (loader,) = library.glob("ld-linux-*.so.*")
    python = system / "bin" / name
    at_home = [str(home / part.relative_to(system)) for part in (loader, library)]
    patch = ["patchelf", "--set-interpreter", at_home[0], "--force-rpath", "--set-rpath", at_home[1], str(python)]
    subprocess.run(patch, check=True)
    for settings in system.glob(f"lib/{name}/_sysconfigdata_*.py"):
        text = settings.read_text().replace(f"'/usr/{WHEELS}/'", repr(str(home / WHEELS)))
        settings.write_text(text)
    headers = system / "include" / name / library.name
    if not headers.exists():
        headers.symlink_to(Path("..") / library.name)


def compile_modules(home: Path, name: str) -> None:
    """Compile the Python's standard library, as Debian does at installation. Otherwise, if PYTHONDONTWRITEBYTECODE is
    set, each program compiles what it imports. The Python must already be in its final folder.
    """
    modules = home / "usr" / "lib" / name
    workers = str(os.cpu_count() or 1)
    command = [str(home / "usr" / "bin" / name), "-m", "compileall", "-q", "-j", workers, str(modules)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
