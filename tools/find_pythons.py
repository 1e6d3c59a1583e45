"""Prints the supported Pythons of this machine that can build an extension, one per line: version and path.

python3 tools/find_pythons.py [--others] [--newest | --newest-but-one]

--others: leave out the version that runs this. --newest, --newest-but-one: print only that version. Pythons fetched by
`make pythons` are included.
"""

from __future__ import annotations

import glob
import os
import subprocess
import sys
from pathlib import Path

FETCHED = Path(__file__).resolve().parent.parent / "build" / "deps"
VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")

# A name on PATH may be a launcher or belong to a virtual environment; the interpreter behind it reports its own path.
QUESTION = """
import ensurepip, os, sys, sysconfig, venv
version = "%d.%d" % sys.version_info[:2]
usable = sys.implementation.name == "cpython" and os.path.exists(sysconfig.get_path("include") + "/Python.h")
if usable: print(version, os.path.join(sys.base_prefix, "bin", "python" + version))
"""

SUITE_QUESTION = """
import os, test.libregrtest
print(sum(name.startswith("test_") for name in os.listdir(os.path.dirname(test.__file__))))
"""
SUITE_MODULES_AT_LEAST = 300
"""The actual number is above 400 in every version."""


def ask(candidate: str, version: str) -> str | None:
    try:
        asked = subprocess.run(
            [candidate, "-c", QUESTION], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    except OSError:
        return None
    answer = asked.stdout.split(maxsplit=1)
    return answer[1].strip() if len(answer) == 2 and answer[0] == version else None


def find() -> dict[str, str]:
    found = {}
    for version in VERSIONS:
        name = f"python{version}"
        pyenv = sorted(glob.glob(os.path.expanduser(f"~/.pyenv/versions/*/bin/{name}")), reverse=True)
        candidates = [name, *pyenv, f"/usr/bin/{name}", str(FETCHED / name / "usr" / "bin" / name)]
        answers = (ask(candidate, version) for candidate in candidates)
        path = next((answer for answer in answers if answer), None)
        if path:
            found[version] = path
    return found


def carries_suite(path: str) -> bool:
    """Return True if CPython's complete test suite is installed. Debian's Pythons have only a few of its helpers."""
    try:
        asked = subprocess.run(
            [path, "-c", SUITE_QUESTION], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    except OSError:
        return False
    return int(asked.stdout or 0) >= SUITE_MODULES_AT_LEAST


def main() -> None:
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = [(version, path) for version, path in find().items() if not ("--others" in sys.argv and version == own)]
    if "--newest" in sys.argv:
        found = found[-1:]
    if "--newest-but-one" in sys.argv:
        found = found[-2:-1]
    for version, path in found:
        print(version, path)


if __name__ == "__main__":
    main()
