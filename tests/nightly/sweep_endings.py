"""Ends programs in every way, at every place, with every kind of output, with and without spprof, and writes a table.

python tests/nightly/sweep_endings.py [ENDING...]     default: all endings; if some are named, no table

The table, tests/nightly/ENDINGS.md, has a row for each ending and place: the status, which is the same with spprof, and
what was left for each kind of output. The exit status is 1 if a run differed from the one without spprof, or left less.
"""

from __future__ import annotations

import datetime
import os
import platform
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "helpers"))
sys.path.append(str(ROOT / "tools"))  # after the standard library, because the folder has a venv.py
import endings  # noqa: E402
import markdown_tables  # noqa: E402

TABLE = ROOT / "tests" / "nightly" / "ENDINGS.md"

HEAD = """# Results of the sweep of endings

`make endings` writes this table. Programs end in every way, with and without `spprof run`. In every row without a
fault, status, stdout and stderr were the same (for a child, its parent prints the status, which is compared too). A
cell shows the complete files that were left; *says why* means that a line on stderr gives the reason, *none* that
[docs/cli.md](../../docs/cli.md#run) does.

"""


def cell(ending: str, place: str, output: str, folder: Path, plain: endings.Outcome) -> tuple[str, list[str]]:
    """Return the table's cell and a list of what is wrong."""
    profiled = endings.run(folder / output, place, ending, output, with_us=True)
    wrong = endings.faults(place, ending, output, plain, profiled)
    files = len(profiled.files)
    left = f"{files} file{'s' if files > 1 else ''}" if files else ("says why" if ending in endings.TOLD else "none")
    if files and ending in endings.TOLD:
        left += ", says why"
    if place == "child" and ending in endings.LEAVE_NONE and output != "--every":
        left += ", of the child none"
    return left + (": FAULT" if wrong else ""), [f"{ending}, {place}, {output}: {one}" for one in wrong]


def row(ending: str, place: str) -> tuple[list[str], list[str]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        plain = endings.run(folder / "plain", place, ending, "", with_us=False)
        cells = [cell(ending, place, output, folder, plain) for output in endings.OUTPUTS]
    status = str(plain.status) if place != "child" else f"{plain.status} (child {plain.stdout.split()[-1]})"
    return [ending, place, status, *(text for text, _ in cells)], [one for _, wrong in cells for one in wrong]


def main() -> None:
    chosen = sys.argv[1:] or endings.ENDINGS
    cases = [(ending, place) for ending in chosen for place in endings.PLACES]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(lambda case: row(*case), cases))
    columns = ["ends by", "place", "status", *endings.OUTPUTS]
    lines = markdown_tables.table(columns, [cells for cells, _ in done], keys=2)
    wrong = [one for _, some in done for one in some]
    when = f"{datetime.date.today().isoformat()}, CPython {platform.python_version()}"
    of = f"{when}: {len(done)} rows, {len(wrong)} faults.\n\n"
    print(of + "\n".join([*lines, "", *wrong]))
    if not sys.argv[1:]:
        TABLE.write_text(HEAD + of + "\n".join(lines) + "\n", encoding="utf-8")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
