"""What profiling CPU time costs: ours at 1, 10 and 100 ms against nothing, and beside peers on the same programs.

    bench/cpu/run [--rounds N] [--table]            or      make bench

First ours alone: slices of a program with and without it, alternating in one process, CPU time. Then ours and the peers
(py-spy, austin, scalene, pyinstrument, installed into build/bench-cpu-peers), each in a process of its own in each
round, against the median of the same round without any: CPU time of the program and of the profiler's process, without
what starting and writing the report take; and wall time, less the wait for a core, which is the machine's business
(with threads they wait for each other: there it is plain wall time).

Percentages above 0 are the cost: medians, and in brackets where the true median lies with 95 % confidence by the sign
test.
Results are kept in bench/cpu/results; a run that was interrupted is taken up.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from intervals import interval_of
from kept import Kept
from profilers import INTERVALS_MS, NONE, OURS, PATH, PROFILERS, Profiler, available, install
from programs import PROGRAMS

HERE = Path(__file__).parent
PAIRS_A_ROUND = 40
SLICES = 15
NONE_A_ROUND = 3
NOTHING_MS = 0
"""In the first table: pairs of which both are without, to show what the method itself reports."""


# ---- Ours, alternating


def alternating_name(program: str, interval_ms: int) -> str:
    return f"alternating | {program} | {interval_ms}"


def alternate(kept: Kept, program: str, interval_ms: int) -> None:
    command = [sys.executable, str(HERE / "alternating.py"), program, str(interval_ms), str(PAIRS_A_ROUND)]
    environment = {**os.environ, "PYTHONPATH": PATH}
    pairs = json.loads(subprocess.check_output(command, env=environment))
    kept.add(alternating_name(program, interval_ms), [round(with_ours / without, 5) for with_ours, without in pairs])


# ---- Beside the peers


def beside_name(program: str, profiler: str, interval_ms: int) -> str:
    return f"beside | {program} | {profiler} | {interval_ms}"


def slices_of(profiler: Profiler, interval_ms: int, program: str, slices: int = SLICES) -> list[list[int]]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "slices.json")
        profiler.run(interval_ms, [str(HERE / "programs.py"), program, str(slices)], path)
        measured: list[list[int]] = json.loads(path.read_text())
    return measured


def figures_of(measured: list[list[int]], program: str) -> list[float]:
    """The median slice: wall nanoseconds, CPU nanoseconds."""
    waits = program != "threads"
    return [
        median(wall - (waited if waits else 0) for wall, _, waited in measured),
        median(cpu for _, cpu, _ in measured),
    ]


def compare_once(kept: Kept, program: str, profilers: list[Profiler]) -> None:
    """One round of a program: each profiler at each interval, in an order left to chance."""
    runs = [(NONE, 0)] * NONE_A_ROUND + [(profiler, ms) for profiler in profilers for ms in INTERVALS_MS]
    random.shuffle(runs)
    figures = [figures_of(slices_of(profiler, ms, program), program) for profiler, ms in runs]
    without = [median(numbers) for numbers in zip(*(found for found, run in zip(figures, runs) if run[0] is NONE))]
    for (profiler, ms), found in zip(runs, figures):
        if profiler is not NONE:
            ratios = [round(with_it / base, 5) for with_it, base in zip(found, without)]
            kept.add(beside_name(program, profiler.name, ms), ratios)


# ---- All of it


def measure(kept: Kept, rounds: int) -> None:
    """Rounds of everything, each written out, until there are enough."""
    install()
    with tempfile.TemporaryDirectory() as name:
        found = available([str(HERE / "programs.py"), "loop", "1"], Path(name, "slices.json"))
    for number in range(rounds):
        for program in PROGRAMS:
            for interval_ms in (NOTHING_MS, *INTERVALS_MS):
                if len(kept.of(alternating_name(program, interval_ms))) <= number:
                    alternate(kept, program, interval_ms)
            if len(kept.of(beside_name(program, found[0].name, INTERVALS_MS[-1]))) <= number:
                compare_once(kept, program, found)
            kept.write()
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)


def figure(values: list[float]) -> str:
    """Empty where nothing was measured."""
    if not values:
        return ""
    cost, low, high = (100 * (value - 1) for value in interval_of(values))
    return f"{cost:+.2f} [{low:+.2f}, {high:+.2f}]"


def print_row(title: str, columns: Iterable[str]) -> None:
    print(f"  {title:<16}{''.join(f'{column:<26}' for column in columns)}".rstrip())


def print_alternating(kept: Kept) -> None:
    print("\nspprof alone, alternating, % of CPU time")
    print_row("", [f"{ms} ms" if ms else "nothing" for ms in (NOTHING_MS, *INTERVALS_MS)])
    for program in PROGRAMS:
        names = [alternating_name(program, ms) for ms in (NOTHING_MS, *INTERVALS_MS)]
        print_row(program, [figure([ratio for pairs in kept.of(name) for ratio in pairs]) for name in names])


def print_beside(kept: Kept, program: str, which: int, title: str) -> None:
    print(f"\n{program}, % of {title}")
    print_row("", [f"{ms} ms" for ms in INTERVALS_MS])
    for profiler in PROFILERS:
        names = [beside_name(program, profiler.name, ms) for ms in INTERVALS_MS]
        print_row(profiler.name, [figure([figures[which] for figures in kept.of(name)]) for name in names])


def print_tables(kept: Kept) -> None:
    rounds = len(kept.of(beside_name("loop", OURS.name, INTERVALS_MS[0])))
    print(f"{rounds} rounds; {', '.join(f'{key} {value}' for key, value in kept.about.items())}")
    print_alternating(kept)
    for program in PROGRAMS:
        print_beside(kept, program, 1, "CPU time of the program and of its profiler")
        print_beside(kept, program, 0, "wall time" + ("" if program == "threads" else ", less the wait for a core"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=6, help="so many in all, kept ones included")
    parser.add_argument("--table", action="store_true", help="only print what is kept")
    asked = parser.parse_args()
    kept = Kept()
    if not asked.table:
        measure(kept, asked.rounds)
    print_tables(kept)


if __name__ == "__main__":
    main()
