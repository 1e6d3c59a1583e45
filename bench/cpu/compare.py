"""What profiling CPU time costs: ours at 1, 10 and 100 ms against nothing, and beside peers on the same programs.

    bench/cpu/run [--rounds N] [--alone N] [--table]            or      make bench

First ours alone: slices of a program with and without it, alternating in one process, CPU time; and an empty handler on
the same timer, which is what the kernel and the processor take for a tick. Then ours and the peers
(py-spy, austin, scalene, pyinstrument, installed into build/bench-cpu-peers), each around a process of its own that
takes turns with one that nobody watches, slice by slice on one core: CPU time of the program and of the profiler's
process, without what starting and writing the report take; and wall time, less the wait for a core, which is the
machine's business (with threads they wait for each other: there it is plain wall time).

Two processes of one program differ by up to 5 % by where their memory lies. Each round has new ones: beside the peers a
few rounds tell only what is larger.

Percentages above 0 are the cost: medians, and in brackets where the true median lies with 95 % confidence by the sign
test.
Results are kept in bench/cpu/results; a run that was interrupted is taken up.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from intervals import interval_of
from kept import Kept
from profilers import INTERVALS_MS, OURS, PATH, PEERS, PROFILERS, Profiler, install, reason
from programs import PROGRAMS
from turns import pairs_of

HERE = Path(__file__).parent
EMPTY_HANDLER = PEERS / "empty_handler.so"
PAIRS_A_ROUND = 8
TURNS_A_ROUND = 60
CLOCKS = {"cpu": "CPU time of the program and of its profiler", "wall": "wall time"}


class Alone(NamedTuple):
    """A column of the first table."""

    title: str
    kind: str
    interval_ms: int
    is_empty: bool = False

    def name(self, program: str) -> str:
        return f"{self.kind} | {program} | {self.interval_ms}"


ALONE = [
    Alone("nothing", "alternating", 0),  # both of a pair are without: what the method itself reports
    *(Alone(f"{ms} ms", "alternating", ms) for ms in INTERVALS_MS),
    Alone("an empty handler, 10 ms", "empty handler", 10, is_empty=True),
]


# ---- Ours, alternating


def alternate(kept: Kept, column: Alone, program: str) -> None:
    numbers = [str(column.interval_ms), str(PAIRS_A_ROUND)]
    library = [str(EMPTY_HANDLER)] if column.is_empty else []
    command = [sys.executable, str(HERE / "alternating.py"), program, *numbers, *library]
    environment = {**os.environ, "PYTHONPATH": PATH}
    pairs = json.loads(subprocess.check_output(command, env=environment))
    kept.add(column.name(program), [round(with_ticks / without, 5) for with_ticks, without in pairs])


def compile_empty_handler() -> None:
    EMPTY_HANDLER.parent.mkdir(parents=True, exist_ok=True)
    source = str(HERE / "empty_handler.c")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-D_GNU_SOURCE", source, "-o", str(EMPTY_HANDLER)], check=True)


# ---- Beside the peers


def beside_name(program: str, profiler: str, interval_ms: int, clock: str) -> str:
    return f"beside | {program} | {profiler} | {interval_ms} | {clock}"


def compare(kept: Kept, program: str, profiler: Profiler, interval_ms: int) -> None:
    """One round."""
    pairs = pairs_of(profiler, interval_ms, program, TURNS_A_ROUND)
    for clock in CLOCKS:
        ratios = [round(clock_of(program, clock, one) / clock_of(program, clock, other), 5) for one, other in pairs]
        kept.add(beside_name(program, profiler.name, interval_ms, clock), ratios)


def clock_of(program: str, clock: str, measured: list[int]) -> int:
    """Threads wait for each other: there the wait is part of what it takes."""
    wall, cpu, waited = measured
    if clock == "cpu":
        return cpu
    return wall if program == "threads" else wall - waited


def available() -> list[Profiler]:
    """Those that can run a program here; of the others the reason is printed."""
    found = []
    for profiler in PROFILERS:
        try:
            pairs_of(profiler, 10, "loop", 1)
            found.append(profiler)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{profiler.name} cannot run here: {reason(error)}")
    return found


# ---- All of it


def measure_alone(kept: Kept, rounds: int) -> None:
    """Rounds of the first table, each written out, until there are enough."""
    compile_empty_handler()
    for number in range(rounds):
        for program in PROGRAMS:
            for column in ALONE:
                if len(kept.of(column.name(program))) <= number:
                    alternate(kept, column, program)
        kept.write()
        print(f"round {number + 1} of {rounds} alone", file=sys.stderr, flush=True)


def measure_beside(kept: Kept, rounds: int) -> None:
    """The same of the others. A round takes ten minutes."""
    install()
    found = available()
    for number in range(rounds):
        for program in PROGRAMS:
            for profiler in found:
                for interval_ms in INTERVALS_MS:
                    if len(kept.of(beside_name(program, profiler.name, interval_ms, "cpu"))) <= number:
                        compare(kept, program, profiler, interval_ms)
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
    print_row("", [column.title for column in ALONE])
    for program in PROGRAMS:
        names = [column.name(program) for column in ALONE]
        print_row(program, [figure([ratio for pairs in kept.of(name) for ratio in pairs]) for name in names])


def print_beside(kept: Kept, program: str, clock: str) -> None:
    waits = clock == "wall" and program != "threads"
    print(f"\n{program}, % of {CLOCKS[clock]}{', less the wait for a core' if waits else ''}")
    print_row("", [f"{ms} ms" for ms in INTERVALS_MS])
    for profiler in PROFILERS:
        names = [beside_name(program, profiler.name, ms, clock) for ms in INTERVALS_MS]
        print_row(profiler.name, [figure([ratio for pairs in kept.of(name) for ratio in pairs]) for name in names])


def print_tables(kept: Kept) -> None:
    alone = len(kept.of(ALONE[0].name("loop")))
    beside = len(kept.of(beside_name("loop", OURS.name, INTERVALS_MS[0], "cpu")))
    about = ", ".join(f"{key} {value}" for key, value in kept.about.items())
    print(f"{alone} rounds alone, {beside} beside peers; {about}")
    print_alternating(kept)
    for program in PROGRAMS:
        for clock in CLOCKS:
            print_beside(kept, program, clock)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=2, help="so many in all, kept ones included")
    parser.add_argument("--alone", type=int, default=8, help="of the first table, in which intervals are narrower")
    parser.add_argument("--table", action="store_true", help="only print what is kept")
    asked = parser.parse_args()
    kept = Kept()
    if not asked.table:
        measure_alone(kept, asked.alone)
        measure_beside(kept, asked.rounds)
    print_tables(kept)


if __name__ == "__main__":
    main()
