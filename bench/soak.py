"""The effect of full tables on the numbers: ten days of a recursive parser with tables a hundredth of their size.

    make bench        or      .venv/bin/python bench/soak.py [parser | coverage]

parser: each table is shrunk a hundredfold, and so is its load: 332 new stacks a second (tests/accuracy/soak.c) for ten
days are 2.87 million. First there is one thread, then four; then four and eight with tables of the default size. The
threads only create new stacks, hundreds of thousands a second. While the kernel has preempted a thread that evicts or
looks a stack up, the others use up the free entries and count the rest under <stacks table full> ("under full"). After
each step, all sums of the engine are compared with each other and with the program's own, to the last 1/256 byte; if
two differ, both programs end with an error. In the end, a line that was never seen before allocates 50 MB. All rows of
a table share the samples of the memory that was leaked in the first step, so their estimates err in the same direction.

coverage: thousands of short runs of known size, half of them before the stack table has filled and half after
(tests/accuracy/full_tables.c). They show how often the 95 % interval contains the true value, and the mean error of the
estimate in standard errors of the mean. The full table is one whose stacks may all be evicted; one in which live blocks
hold a third; nearly all; all, so that each new stack is counted under <stacks table full>.

Takes about a minute on one idle core. Tables are in Markdown, for docs/benchmarks.md.
"""

from __future__ import annotations

import datetime
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "accuracy"))  # for full_tables.py

from full_tables import Estimate, Run, judge, run_full_tables, run_soak, shrunk, spread

ROOT = Path(__file__).parents[1]
SPECIMENS = ROOT / "tests" / "accuracy"
BUILD = Path(os.environ.get("SPPROF_BUILD_DIR", ROOT / ".venv" / "build"))
SHRUNK = 100
NEW_STACKS = 332 * 864_000 // SHRUNK // 40 * 40  # each of four threads gets a tenth of them
STACKS_MAX = (1 << 18) // SHRUNK
BEFORE, AFTER, SEEDS = 160, 160, 25
MIB = 1 << 20


def compile_c(name: str, folder: Path) -> Path:
    """Compile a C program of the tests together with the engine that was built for the package."""
    libraries = [BUILD / "src" / room / f"lib{room}.a" for room in ("core", "base")]
    if not all(map(Path.exists, libraries)):
        raise SystemExit(f"{BUILD} contains no engine: run make install, or set SPPROF_BUILD_DIR")
    sources = [SPECIMENS / f"{name}.c", SPECIMENS / "ledger.c"]
    compiler = shlex.split(os.environ.get("CC", "cc"))
    flags = ["-std=gnu11", "-O2", "-D_GNU_SOURCE", "-DSPPROF_BUILDING_ENGINE", f"-I{ROOT / 'include'}"]
    command = [*compiler, *flags, "-o", str(folder / name), *map(str, [*sources, *libraries]), "-lm", "-pthread"]
    subprocess.run(command, check=True)
    return folder / name


def print_heading(part: str) -> None:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    print(f"\n`python bench/soak.py {part}`, {datetime.date.today()}, commit {commit}:\n")


def print_table(titles: str, rows: list[str]) -> None:
    columns = titles.count("|") - 1
    print(titles, "|" + " ---: |" * columns, *rows, sep="\n")


# ---- Ten days of a parser


def mib(count: float) -> str:
    return f"{count / MIB:.2f}"


def interval(one: Estimate) -> str:
    low, high = one.heap_interval()
    return f"{mib(one.truth)} | {mib(one.bytes)} ({mib(low)} – {mib(high)})"


def print_soak(program: Path, title: str, factor: int, **options: int) -> None:
    *rows, last = run_soak(program, shrunk(factor), **options)
    print(f"{title}:\n")
    titles = (
        "| new stacks | in the table | of | load % | evicted | folded samples | folded MiB"
        " | under full | engine MiB | RSS MiB | heap MiB | estimated (95 %) |"
    )
    lines = [
        f"| {row.new_stacks:,} | {row.stacks:,} | {row.stacks_max:,} | {100 * row.stacks / row.stacks_max:.1f}"
        f" | {row.evicted:,} | {row.folded_samples:,} | {mib(row.folded_bytes)} | {row.unkept_samples:,}"
        f" | {mib(row.mapped_bytes)} | {mib(row.resident_bytes)} | {interval(row.heap)} |"
        for row in [*rows, last]
    ]
    print_table(titles, lines)
    low, high = last.line.interval()
    first_full = next(place for place, row in enumerate(rows) if row.evicted)
    full = rows[first_full + 1 :]
    mapped = 100 * spread(row.mapped_bytes for row in full)
    resident = 100 * spread(row.resident_bytes for row in full)
    checks, steps = len(rows) + 1, len(full)
    print(f"\nTotals: exact in {checks} checks, over {last.total_samples:,} samples, none dropped.")
    print(f"Memory in the {steps} steps after the one that filled the table: the maximum exceeds the minimum by")
    print(f"{mapped:.1f} % (engine), {resident:.1f} % (RSS).")
    print(f"Last row: a new line has allocated {mib(last.line.truth)} MiB, and is reported with {mib(last.line.bytes)}")
    print(f"({mib(low)} – {mib(high)}).\n")


# ---- Many short runs


def coverage_row(name: str, what: str, estimates: list[Estimate], whole: bool, unkept: float) -> str:
    found = judge(estimates, Estimate.heap_interval if whole else Estimate.interval)
    return (
        f"| {name} | {what} | {found.runs:,} | {found.samples:.0f} | {unkept:.1f} | {100 * found.coverage:.1f}"
        f" | {found.mean_error:+.2f} |"
    )


def coverage_rows(name: str, runs: list[Run], unkept: float, with_line: bool = True) -> list[str]:
    rows = [coverage_row(name, "heap, live", [run.heap for run in runs], True, unkept)]
    if with_line:
        rows.append(coverage_row(name, "old line, live", [run.line for run in runs], False, unkept))
    return [*rows, coverage_row(name, "heap, ever allocated", [run.allocated for run in runs], True, unkept)]


def unkept_in_a_run(runs: list[Run]) -> float:
    """Return the mean growth of the count under <stacks table full> from one run of a process to the next."""
    growth = [later.unkept_samples - run.unkept_samples for run, later in zip(runs, runs[1:])]
    known = [number for number in growth if number >= 0]
    return sum(known) / len(known)


def print_coverage(program: Path) -> None:
    titles = "| table | what | runs | samples | a run's under full | truth in interval, % | mean error, std. errors |"
    states = {
        "full, all may leave": 0,
        "full, 1,000 are held": 1000,
        "full, 2,500 are held": 2500,
        "full, all are held": STACKS_MAX + 100,
    }
    earlier: list[Run] = []
    rows = []
    for place, (name, held) in enumerate(states.items()):
        seeds = range(1 + place * SEEDS, 1 + (place + 1) * SEEDS)
        runs = run_full_tables(program, shrunk(SHRUNK), seeds, before=BEFORE, after=AFTER, held=held)
        after = [run for run in runs if run.is_after]
        earlier += [run for run in runs if not run.is_after]
        rows += coverage_rows(name, after, unkept_in_a_run(after), with_line=held < STACKS_MAX)
    if any(run.evicted or run.unkept_samples for run in earlier):
        raise SystemExit("the table was full before it was filled")
    print_table(titles, coverage_rows("not full", earlier, 0.0) + rows)


def main() -> None:
    parts = sys.argv[1:] or ["parser", "coverage"]
    with tempfile.TemporaryDirectory() as folder:
        for part in parts:
            print_heading(part)
            if part == "parser":
                program = compile_c("soak", Path(folder))
                print_soak(program, "1 thread", SHRUNK, seed=1, stacks=NEW_STACKS)
                print_soak(program, "4 threads", SHRUNK, seed=2, stacks=NEW_STACKS, threads=4)
                print_soak(program, "4 threads, tables of the default size", 1, seed=3, stacks=1_000_000, threads=4)
                print_soak(program, "8 threads, tables of the default size", 1, seed=4, stacks=1_000_000, threads=8)
            elif part == "coverage":
                print_coverage(compile_c("full_tables", Path(folder)))
            else:
                raise SystemExit(f"unknown part {part}: choose parser or coverage")


if __name__ == "__main__":
    main()
