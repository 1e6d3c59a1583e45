"""Lets libraries hold memory, and tabulates how much of it we report as resident, and where, next to their own counts.

python tests/nightly/sweep_mapped.py [PROGRAM...]     default: all programs; if some are named, no table

The packages are installed into the suite's own environment. The table, tests/nightly/MAPPED.md, is for the Python that
runs this. The exit status is 1 if a number is more than 5 % off, or if a twentieth of the memory has neither a line nor
a thread.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "helpers"))
import mapped_libraries as libraries  # noqa: E402
import package_sweeps as sweeps  # noqa: E402
from package_sweeps import mebibytes  # noqa: E402

TABLE = ROOT / "tests" / "nightly" / "MAPPED.md"

HEAD = f"""# Memory that libraries hold, compared with their own counts

`make mapped` writes this table. In each program, one library holds memory in a function that does nothing else.

- *Counted*: the library's own count (polars `estimated_size`, `duckdb_memory()`, Arrow's `total_allocated_bytes`), or
  else arithmetic.
- *Resident*: the growth, since before the function, of the resident memory of blocks and mappings in a snapshot.
- *RSS*: the growth of the process's RSS.
- *On the line*: the part of *resident* with a line of that function in its stack.
- *Elsewhere*: memory that was mapped on threads without Python, by library and thread.
- *First*: the profiler starts before the imports.

Allocators inside the libraries keep freed memory for seconds. It is resident, and no library counts it. Here they
release it at once, through Arrow's `release_unused()` and:

    {(chr(10) + "    ").join(f"{name}={value}" for name, value in libraries.GIVING_BACK.items())}

"""

COLUMNS = ("program", "mode", "started", "counted", "resident", "off by", "RSS", "on the line", "elsewhere")


def row(program: str, mode: str, order: str, interpreter: Path) -> tuple[list[str], list[str]]:
    try:
        found = libraries.run(program, order, mode, interpreter)
    except Exception as error:
        return [program, mode, order, *["-"] * (len(COLUMNS) - 3)], [f"{program}, {mode}, {order}: {error}"]
    numbers = [mebibytes(found.counted), mebibytes(found.resident), f"{found.error:+.1%}", mebibytes(found.rss)]
    is_notable = found.without_python * 100 > found.resident
    elsewhere = f"{mebibytes(found.without_python)} {found.where}" if is_notable else ""
    cells = [program, mode, order, *numbers, f"{found.on_line / found.resident:.1%}", elsewhere]
    return cells, [f"{program}, {mode}, {order}: {fault}" for fault in found.faults()]


def main() -> None:
    interpreter = sweeps.environment("mapped", libraries.PACKAGES)
    rows, wrong = [], []
    for program in sys.argv[1:] or libraries.PROGRAMS:
        for mode in libraries.MODES:
            for order in libraries.ORDERS:
                cells, faults = row(program, mode, order, interpreter)
                rows.append(cells)
                wrong += faults
                print(" | ".join(cells), *faults, flush=True)
    if not sys.argv[1:]:
        sums = f"{len(rows)} rows, {len(wrong)} faults.\n{sweeps.versions(interpreter, libraries.PACKAGES)}."
        sweeps.write_table(TABLE, HEAD, COLUMNS, 3, rows, sums)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
