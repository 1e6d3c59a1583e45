"""Installs the programs and the peers one by one. A failed installation becomes a table row and stops nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from peers.places import REQUIREMENTS


def requirements(text: str) -> dict[str, str]:
    """Return the requirements, keyed by lower-case project name, without comments."""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    return {re.split(r"[=<>~!\[; ]", line)[0].lower(): line for line in lines if line}


def install(file: Path = REQUIREMENTS) -> dict[str, str]:
    """Return the reasons why projects could not be installed, keyed by name. An installed project takes no time."""
    failed = {}
    marks = Path(sys.prefix) / "installed-by-one"
    marks.mkdir(exist_ok=True)
    for name, requirement in requirements(file.read_text(encoding="utf-8")).items():
        mark = marks / name
        if mark.exists() and mark.read_text() == requirement:
            continue
        print(f"installing {requirement}", flush=True)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-input"]
        ran = subprocess.run(
            [*pip, "--constraint", str(file), requirement], capture_output=True, encoding="utf-8", check=False
        )
        if ran.returncode == 0:
            mark.write_text(requirement)
        else:
            failed[name] = reason_of_pip(ran.stderr)
    return failed


def reason_of_pip(said: str) -> str:
    """Return pip's first error, which names the cause; the last line is often advice."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("ERROR")), lines[-1] if lines else "pip printed nothing")
