"""Breaks down the memory of real programs, and writes a table of the parts next to the allocators' own figures.

python tests/nightly/sweep_resident.py [PROGRAM...]     default: all programs; if some are named, no table

The packages are installed into the suite's own environment. The table, tests/nightly/RESIDENT.md, is for the Python
that runs this. The exit status is 1 if more than 5 % of a program's growth is unexplained, or if the free memory that
allocators keep is more than 5 % off.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "helpers"))
import package_sweeps as sweeps  # noqa: E402
import resident_sums  # noqa: E402
from package_sweeps import mebibytes  # noqa: E402
from spprof.results import PART_TEXTS, UNEXPLAINED  # noqa: E402

TABLE = ROOT / "tests" / "nightly" / "RESIDENT.md"

HEAD = f"""# The parts of resident memory, compared with the allocators' own counts

`make resident` writes this table. Each program runs with samples every 16 KiB: under `spprof run` (*preload*), and with
`memprof.start(16)` before its imports (*patch*). At its end a snapshot measures the parts (`snapshot.resident`).

- *Growth*: that of RSS since the interpreter started; for the empty interpreter, its whole RSS.
- *Unexplained*: RSS minus all parts, and its share of *growth*. More than {resident_sums.ALLOWED:.0%} is a fault.
- *By mallinfo2*: `fordblks` minus `fsmblks` (fast bins, which count as in use), at the moment of the report in the same
  process, minus free pages that are not resident, according to the pages of each free chunk. `malloc_free` may differ
  by {resident_sums.ALLOWED:.0%} or {resident_sums.ALLOWED_BYTES >> 10} KiB.
- *By Python*: the growth of the arena bytes that no block uses by `sys._debugmallocstats()`, in a run of the same
  program without the profiler. *Pools* is the same for `pymalloc_free`. From {resident_sums.JUDGED_BYTES >> 20} MiB on
  they may differ by {resident_sums.ALLOWED:.0%}: the profiler's own Python objects take up some room, and blocks that
  are samples are in no pool.

"""

PARTS = tuple(name for name in PART_TEXTS if name != UNEXPLAINED)
COLUMNS = (
    "program", "mode", "RSS", "growth", *PARTS, "unexplained", "of growth", "by mallinfo2", "off by", "pools",
    "by Python", "off by", "verdict",
)  # fmt: skip


def off(error: int, of: int) -> str:
    return f"{error / of:+.1%}" if of > resident_sums.ALLOWED_BYTES else "-"


def row(program: str, mode: str, by_python: int, interpreter: Path) -> tuple[list[str], list[str]]:
    try:
        found = resident_sums.run(program, mode, by_python, interpreter)
    except Exception as error:
        return [program, mode, *["-"] * (len(COLUMNS) - 3), "failed"], [f"{program}, {mode}: {error}"]
    faults = found.faults()
    sizes = (found.rss, found.growth, *(found.parts.get(name, 0) for name in PARTS), found.unexplained)
    malloc = (mebibytes(found.said_by_malloc), off(found.malloc_error, found.said_by_malloc))
    is_judged = max(by_python, found.pools_keep) >= resident_sums.JUDGED_BYTES
    pools = (mebibytes(found.pools_keep), mebibytes(by_python), off(found.pools_error, by_python) if is_judged else "-")
    verdict = "; ".join(faults) or "holds"
    cells = [program, mode, *map(mebibytes, sizes), f"{found.share:+.1%}", *malloc, *pools, verdict]
    return cells, [f"{program}, {mode}: {fault}" for fault in faults]


def main() -> None:
    interpreter = sweeps.environment("resident", resident_sums.PACKAGES)
    rows, wrong = [], []
    for program in sys.argv[1:] or resident_sums.PROGRAMS:
        by_python = resident_sums.room_of_pools(program, interpreter)
        for mode in resident_sums.MODES:
            cells, faults = row(program, mode, by_python, interpreter)
            rows.append(cells)
            wrong += faults
            print(" | ".join(cells), *faults, sep="\n", flush=True)
    if not sys.argv[1:]:
        packages = sweeps.versions(interpreter, resident_sums.PACKAGES)
        sums = f"{len(rows)} rows, {len(wrong)} faults.\n{textwrap.fill(packages, 118)}."
        sweeps.write_table(TABLE, HEAD, COLUMNS, 2, rows, sums)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
