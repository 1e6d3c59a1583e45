"""Shared by sweeps that run programs with real packages: an environment with these packages, and a dated table of
results.
"""

from __future__ import annotations

import datetime
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import workers

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))  # after the standard library, because the folder has a venv.py
import markdown_tables  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def environment(name: str, packages: tuple[str, ...]) -> Path:
    """Return the interpreter of the sweep's own environment, which is recreated if its packages differ."""
    folder = ROOT / "build" / name / f"{sys.version_info.major}.{sys.version_info.minor}"
    mark = folder / "packages"
    wanted = "\n".join(packages)
    if not mark.exists() or mark.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        workers.environment_with(folder, packages)
        mark.write_text(wanted, encoding="utf-8")
    return folder / "bin" / "python"


def versions(python: Path, packages: Sequence[str]) -> str:
    """Return the versions of the installed packages, written as "numpy 2.4.6, pandas 3.1.1"."""
    words = [str(python), "-m", "pip", "list", "--format=freeze"]
    listed = subprocess.run(words, capture_output=True, encoding="utf-8", check=True)
    named = dict(line.lower().split("==") for line in listed.stdout.splitlines() if "==" in line)
    return ", ".join(f"{name} {named[name]}" for name in packages)


def mebibytes(count: float) -> str:
    return f"{count / 2**20:.1f} MiB"


def write_table(
    file: Path, head: str, columns: Sequence[str], words: int, rows: Iterable[Sequence[str]], sums: str
) -> None:
    """Write ``head``, a line with the date, the Python version and ``sums``, and the rows. The first ``words`` columns
    and the last one hold text; the others hold numbers.
    """
    when = f"{datetime.date.today().isoformat()}, CPython {platform.python_version()}"
    numbers = [markdown_tables.RIGHT] * (len(columns) - words - 1)
    alignments = [*[markdown_tables.LEFT] * words, *numbers, markdown_tables.LEFT]
    lines = markdown_tables.table(columns, list(rows), keys=words, alignments=alignments)
    file.write_text(f"{head}{when}: {sums}\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
