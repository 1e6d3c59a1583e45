"""The cost and the findings of spprof compared with ddtrace, Pyroscope, memray, tracemalloc and scalene.

make bench-peers [PARTS="steady programs …"] [AGAIN=1] [QUICK=1] [ANYWAY=1] [GENERATIONS=N]
                 [VARIANTS="a;b"] [WORKLOADS="a;b"]

    steady      extra CPU, as a percentage of a core, in services that allocate 100 MB a second
    worst       loops that do almost nothing but allocate, on 1, 2 and 8 threads
    programs    pyperformance's programs, and their geometric mean
    truth       the share of each site according to each profiler, compared with memray's full trace
    live        malloc and free with 10³ … 10⁷ live samples
    startup     CPU time of starting, with each profiler's own runner
    files       writing and reading a large snapshot (bench/files.py)

Every finished unit (a workload in one generation of fresh processes) is a line in build/bench/peers/PART.jsonl and is
not measured again for the same sources. The tables are written to docs/benchmarks.md, and the charts are written next
to it. If a peer does not install, or fails in a workload, it gets a line with the reason.

Figures are the CPU time of workers that take turns (rounds.py), relative to the mean of two workers without a profiler.
The figure of "none again" is the method's own error; ignore any smaller difference. Intervals are from the bootstrap
over processes, then rounds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from common.machine import describe, load_per_core

from peers import install, tables
from peers.charts import Chart, svg
from peers.costs import PROGRAMS_PART, WORST_PART
from peers.files import FILES_PART
from peers.kept import about
from peers.live import LIVE_PART
from peers.places import BUILD, PAGE
from peers.run import Run
from peers.startup import STARTUP_PART
from peers.steady import STEADY_PART
from peers.truth import TRUTH_PART

MOST_LOAD = 0.5
"""Maximum share of a core in use, on average over the last minute."""
PATIENCE_SECONDS = 180
"""Time until the load of building and installing no longer affects the average."""


class Part(Protocol):
    """The interface of a part, which makes one table."""

    @property
    def name(self) -> str: ...

    def measure(self, run: Run) -> None: ...

    def table(self, run: Run) -> str:
        """Return the table, or "" if nothing was measured."""

    def chart(self, run: Run) -> Chart | None: ...


PARTS: Sequence[Part] = (STEADY_PART, PROGRAMS_PART, WORST_PART, TRUTH_PART, LIVE_PART, STARTUP_PART, FILES_PART)


def wait_for_quiet() -> None:
    """Wait until the machine is quiet. Raise SystemExit if it stays busy."""
    latest = time.monotonic() + PATIENCE_SECONDS
    while load_per_core() > MOST_LOAD:
        if time.monotonic() > latest:
            sys.exit(f"the load average is {load_per_core():.2f} per core: measure below {MOST_LOAD}, or with ANYWAY=1")
        print(f"waiting: the load average is {load_per_core():.2f} per core", flush=True)
        time.sleep(10)


def asked_for(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-peers", description=__doc__.split("\n", 1)[0])
    parser.add_argument("parts", nargs="*", help="the parts to measure (default: all)")
    parser.add_argument("--again", action="store_true", help="also measure what already has a result for these sources")
    parser.add_argument("--quick", action="store_true", help="try everything quickly; docs are left unchanged")
    parser.add_argument("--anyway", action="store_true", help="measure on a busy machine")
    parser.add_argument("--tables", action="store_true", help="measure nothing; write the tables of kept results")
    parser.add_argument("--generations", type=int, default=0, help="number of fresh processes per variant and workload")
    parser.add_argument("--variants", default="", help="names separated by ;, instead of each part's own")
    parser.add_argument("--workloads", default="", help="names separated by ;, for parts that have several")
    parser.add_argument(
        "--results", type=Path, default=BUILD / "peers", help="the folder of kept results; docs are left unchanged"
    )
    return parser.parse_args(words)


def names_in(text: str) -> list[str]:
    return [name.strip() for name in text.split(";") if name.strip()]


def run_of(asked: argparse.Namespace) -> Run:
    results: Path = asked.results / "quick" if asked.quick else asked.results
    page = PAGE
    if asked.quick or results != BUILD / "peers":
        results.mkdir(parents=True, exist_ok=True)
        page = results / PAGE.name
        page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    return Run(
        results=results,
        page=page,
        charts=page.parent,
        about=about(),
        is_quick=asked.quick,
        again=asked.again,
        generations=asked.generations,
        variants=names_in(asked.variants),
        chosen=names_in(asked.workloads),
        uninstalled={} if asked.tables else install.install(),
    )


def main(words: Sequence[str]) -> None:
    asked = asked_for(words)
    unknown = set(asked.parts) - {part.name for part in PARTS}
    if unknown:
        sys.exit(f"unknown part {', '.join(sorted(unknown))}: choose from {', '.join(part.name for part in PARTS)}")
    run = run_of(asked)
    if not (asked.anyway or asked.quick or asked.tables):
        wait_for_quiet()
    print(describe(), flush=True)
    if load_per_core() > MOST_LOAD and not asked.tables:
        print("THE MACHINE IS BUSY: these figures only show that everything works", flush=True)
    for part in PARTS:
        if asked.parts and part.name not in asked.parts:
            continue
        if not asked.tables:
            part.measure(run)
        show(part, run)


def show(part: Part, run: Run) -> None:
    """Show the results on the screen and on the page."""
    table, chart = part.table(run), part.chart(run)
    if not table:
        return
    print(f"\n{table}\n", flush=True)
    if chart:
        name = f"bench-{part.name}.svg"
        (run.charts / name).write_text(svg(chart), encoding="utf-8")
        table = f"![{chart.title}]({name})\n\n{table}"
    tables.write_between(run.page, part.name, table)


if __name__ == "__main__":
    main(sys.argv[1:])
