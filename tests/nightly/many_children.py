"""Starts ten thousand interpreters under ``spprof run``, and writes a table of what they leave and what they cost.

python tests/nightly/many_children.py [COUNT]

The table is tests/nightly/CHILDREN.md. Most of the interpreters are empty and must leave no file. A quarter as many
hold 8 MB each, and the folder keeps some of their files. Then the folder is read. CPU time (user and system) is that of
all processes. The exit status is 1 if an empty interpreter left a file, or if reading took more than two seconds.
"""

from __future__ import annotations

import datetime
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests" / "nightly" / "CHILDREN.md"
PROGRAM = str(ROOT / "tests" / "specimens" / "cli_family" / "starts_many.py")
SPPROF = [sys.executable, "-m", "spprof"]
COUNT, READ_SECONDS = 10_000, 2.0

EMPTY = "pass"
HOLDS = "kept = [bytearray(80_000) for _ in range(100)]"

HEAD = """# Results with many children

`make many-children` writes this table. A program starts interpreters one after the other, with and without
`spprof run -o DIR/`. Milliseconds are the CPU time (user and system) of each start.

"""


def started(count: int, code: str, folder: Path | None) -> tuple[float, str]:
    """Return the CPU milliseconds per start, and the final message."""
    run = [] if folder is None else [*SPPROF, "run", "-o", f"{folder}{os.sep}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run(
        [*(run or [sys.executable]), PROGRAM, str(count), code], stderr=subprocess.PIPE, text=True, check=True
    ).stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3 / count, said


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    rows, wrong = [], []
    for title, number, code in (("empty", count, EMPTY), ("holds 8 MB", count // 4, HOLDS)):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            plain, _ = started(max(number // 20, 20), code, None)
            ours, said = started(number, code, folder)
            files = len(list(folder.iterdir()))
            begin = time.monotonic()
            subprocess.run([*SPPROF, "table", "--by", "process", str(folder)], stdout=subprocess.DEVNULL, check=True)
            seconds = time.monotonic() - begin
            print(said, flush=True)
        if code == EMPTY and files != 1:
            wrong.append(f"{files - 1} empty interpreters left a file")
        if seconds > READ_SECONDS:
            wrong.append(f"{title}: the folder was read in {seconds:.1f} s")
        rows.append([title, f"{number:,}", f"{files - 1:,}", f"{plain:.1f}", f"{ours:.1f}", f"{seconds:.2f}"])
    heading = "started | left a file | ms, plain | ms, under run | s, reading the folder".split(" | ")
    lines = [["interpreter", *heading], ["---"] + ["---:"] * len(heading), *rows]
    told = f"{datetime.date.today().isoformat()}, CPython {platform.python_version()}: {len(wrong)} faults.\n\n"
    print(*wrong, sep="\n")
    if len(sys.argv) == 1:
        TABLE.write_text(HEAD + told + "".join(f"| {' | '.join(cells)} |\n" for cells in lines), encoding="utf-8")
    else:
        print(*map(" | ".join, lines), sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
