"""Runs multi-process programs in which one process leaks, and tabulates where the output of ``spprof run`` points.

python tests/nightly/sweep_processes.py [CASE...]     default: all cases; if parts of names are given, no table

The table, tests/nightly/PROCESSES.md, has a part for each Python on which this was run; a new run replaces its own. A
case whose packages are unavailable is marked as such. The exit status is 1 if a run did not point to the leak.
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "helpers"))
import workers  # noqa: E402

TABLE = ROOT / "tests" / "nightly" / "PROCESSES.md"

HEAD = f"""# One command finds the leak of every worker

`make processes` writes this table. One process of each program leaks {workers.TRUTH_BYTES / 2**20:.1f} MiB on one line,
and the program runs under `spprof run -o a.pb.gz`.

- *Found*: the last lines of the run named that process's file as the largest, with the command `spprof table FILE`; the
  first row of that table was the leaking line; and `spprof table --by process` of all files began with that process.
- *Estimate*: that of the row, with its 95 % interval, which misses the truth in one row of twenty.
- *Files*: the number of files of all processes.
- *Seconds*: the duration of the whole case, while the machine may have done other work.

"""

COLUMNS = ("case", "found", "estimate", "95 % interval", "truth", "files", "seconds")


def mebibytes(count: float) -> str:
    return f"{count / 2**20:.1f} MiB"


def row(case: workers.Case, folder: Path, python: str | Path) -> tuple[list[str], bool]:
    started = time.monotonic()
    try:
        found = workers.find(case, folder, python)
    except Exception as error:
        print(f"{case.name}: {error!r}", (folder / "log").read_text(encoding="utf-8", errors="replace"), sep="\n")
        return [case.name, f"no: {type(error).__name__}", *["-"] * (len(COLUMNS) - 2)], False
    seconds = f"{time.monotonic() - started:.1f}"
    if not found.is_found:
        print(
            f"{case.name}: process {found.pid}, {found.command}", found.rows[:2], found.by_process, found.said, sep="\n"
        )
    first = found.rows[0] if found.rows else {"own": 0, "own_low": 0, "own_high": 0}
    own, low, high = (float(str(first[key])) for key in ("own", "own_low", "own_high"))
    numbers = [mebibytes(own), f"{mebibytes(low)} - {mebibytes(high)}", mebibytes(workers.TRUTH_BYTES)]
    files = str(len([name for name in os.listdir(folder) if name.endswith(".pb.gz")]))
    return [case.name, "yes" if found.is_found else "no", *numbers, files, seconds], found.is_found


def rows_of(cases: list[workers.Case], folder: Path) -> tuple[list[list[str]], int]:
    """Return the rows, and the number of runs that did not point to the leak."""
    pythons: dict[tuple[str, ...], str | Path | None] = {(): sys.executable}
    rows, wrong = [], 0
    for number, case in enumerate(cases):
        if case.packages not in pythons:
            try:
                pythons[case.packages] = workers.environment_with(folder / f"env{number}", case.packages)
            except subprocess.CalledProcessError:
                pythons[case.packages] = None
        python = pythons[case.packages]
        if python is None:
            rows.append([case.name, "its packages are unavailable", *["-"] * (len(COLUMNS) - 2)])
            continue
        cells, is_found = row(case, folder / str(number), python)
        rows.append(cells)
        wrong += not is_found
        print(" | ".join(cells), flush=True)
    return rows, wrong


def parts() -> dict[str, str]:
    """Return the table's parts, keyed by Python version ("3.11")."""
    if not TABLE.exists():
        return {}
    text = TABLE.read_text(encoding="utf-8")
    found = re.split(r"^## CPython ", text, flags=re.MULTILINE)[1:]
    return {".".join(part.split(".")[:2]): f"## CPython {part.strip()}\n" for part in found}


def main() -> None:
    cases = [*workers.PLAIN, *workers.OF_PACKAGES]
    chosen = [case for case in cases if not sys.argv[1:] or any(part in case.name for part in sys.argv[1:])]
    with tempfile.TemporaryDirectory(prefix="processes-") as name:
        rows, wrong = rows_of(chosen, Path(name).resolve())
    version = platform.python_version()
    lines = [
        f"## CPython {version}, {datetime.date.today().isoformat()}: {len(rows)} cases, {wrong} not found",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---|---" + "|---:" * (len(COLUMNS) - 2) + "|",
        *(f"| {' | '.join(cells)} |" for cells in rows),
    ]
    if not sys.argv[1:]:
        written = {**parts(), ".".join(version.split(".")[:2]): "\n".join(lines) + "\n"}
        in_order = sorted(written, key=lambda version: [int(number) for number in version.split(".")])
        TABLE.write_text(HEAD + "\n".join(written[version] for version in in_order), encoding="utf-8")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
