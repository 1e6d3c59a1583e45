"""The cost of profiling CPU time: spprof and its peers at 1, 10 and 100 ms, compared with no profiler on the same
programs.

    bench/cpu/run [--rounds N] [--more N] [--ticks N] [--table]            or      make bench

Slices: each process alternates between slices with and without its profiler. spprof and pyinstrument are switched with
their own start and stop functions, py-spy and austin by stopping their process. So both sides are affected equally by
other load on the machine and by a process's memory layout, which makes two processes of one program differ by up to 5
%. scalene's handlers change the process's memory permanently and also slow the slices without it, so it alternates with
an unprofiled process. Starting, stopping and writing a report are not part of any slice. pyinstrument is started in
each thread of a program.

Ticks: costs of a few tenths of a percent are lost in the scatter of the slices. Therefore, steps of a program that are
interrupted by spprof, or by an empty handler on the same timer, are compared with neighbouring steps (ticked.py). The
result is the cost of a tick for each interval.

CPU time is that of the program and the profiler's process together. Wall time excludes waiting for a core, which
depends on the machine. It includes that time for programs with threads, which wait for each other.

An empty handler costs what the kernel and the processor need for a tick: no signal-based profiler can be cheaper.
"Nothing" has nothing to switch, and its ticks are the kernel's: it shows the error of the method itself. At 10 and 100
ms, no slice contains one of our ticks that look for new threads, one tick in 17; the table of ticks includes them.

Percentages above 0 are the cost. Each round is a separate process and counts once: the figure is the median of the
rounds, with the 95 % interval from the sign test in brackets. Rounds are kept in build/bench-cpu-results, so that an
interrupted run can resume. The tables are written to bench/cpu/RESULTS.md.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common.intervals import interval_of
from common.orders import reason
from kept import Kept, write_tables
from profilers import INTERVALS_MS, OTHERS, OURS, Profiler, compile_empty_handler, install
from programs import PROGRAMS
from ticks import cost_ns, ticks_of
from turns import beginning_ms, pairs_of

SLICE_MS = 22
"""Minimum length of a slice. It is at least two intervals, so that each slice has ticks."""
ROUND_MS = 2500
"""Approximate length of a round, which has at least three slices."""
TICKS_MS = 10
"""The interval at which single ticks are measured."""
CLOCKS = {"cpu": "CPU time of the program and of its profiler", "wall": "wall time"}


def name_of(program: str, profiler: Profiler, interval_ms: int, what: str) -> str:
    return f"{program} | {profiler.name} | {interval_ms} | {what}"


def measure(kept: Kept, program: str, profiler: Profiler, interval_ms: int) -> None:
    """Measure one round."""
    slice_ms = max(SLICE_MS, 2 * interval_ms)
    count = max(round(ROUND_MS / (3 * slice_ms + beginning_ms(interval_ms))), 3)
    pairs = pairs_of(profiler, interval_ms, program, slice_ms * 1_000_000, count)
    for clock in CLOCKS:
        ratios = [round(clock_of(program, clock, one) / clock_of(program, clock, other), 5) for one, other in pairs]
        kept.add(name_of(program, profiler, interval_ms, clock), ratios)


def tick_name(program: str, profiler: Profiler) -> str:
    return name_of(program, profiler, TICKS_MS, "ticks")


def measure_ticks(kept: Kept, rounds: int) -> None:
    """Measure rounds until there are enough, and write the results after each program."""
    for number in range(rounds):
        for program in PROGRAMS:
            for profiler in OURS:
                name = tick_name(program, profiler)
                if len(kept.of(name)) <= number:
                    cost = cost_ns(ticks_of(profiler, TICKS_MS, program), knows_looks=program != "threads")
                    kept.add(name, [round(1 + cost / (TICKS_MS * 1e6), 6)])
            kept.write()
        print(f"ticks, round {number + 1} of {rounds}", file=sys.stderr, flush=True)


def measure_or_tell(kept: Kept, program: str, profiler: Profiler, interval_ms: int) -> None:
    """Measure the next round, or print why it failed."""
    try:
        measure(kept, program, profiler, interval_ms)
    except subprocess.CalledProcessError as error:
        print(f"{profiler.name}, {program}, {interval_ms} ms: {reason(error)}", file=sys.stderr)


def clock_of(program: str, clock: str, measured: list[int]) -> int:
    """Return the time on this clock. Threads wait for each other, so their wall time includes waiting."""
    wall, cpu, waited = measured
    if clock == "cpu":
        return cpu
    return wall if program == "threads" else wall - waited


def available(profilers: list[Profiler]) -> list[Profiler]:
    """Return the profilers that can run a program here, and print why the others cannot."""
    found = []
    for profiler in profilers:
        try:
            pairs_of(profiler, 10, "loop", 1_000_000, 1)
            found.append(profiler)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{profiler.name} cannot run here: {reason(error)}")
    return found


def measure_all(kept: Kept, profilers: list[Profiler], intervals_ms: Sequence[int], rounds: int) -> None:
    """Measure rounds until there are enough, and write the results after each program."""
    for number in range(rounds):
        for program in PROGRAMS:
            for profiler in profilers:
                for interval_ms in intervals_ms:
                    if len(kept.of(name_of(program, profiler, interval_ms, "cpu"))) <= number:
                        measure_or_tell(kept, program, profiler, interval_ms)
            kept.write()
        names = ", ".join(profiler.name for profiler in profilers)
        print(f"round {number + 1} of {rounds}: {names}", file=sys.stderr, flush=True)


def figure(rounds: list[list[float]]) -> str:
    """Format the figure, or return "" if nothing was measured."""
    if not rounds:
        return ""
    cost, low, high = (100 * (value - 1) for value in interval_of([median(pairs) for pairs in rounds]))
    return f"{cost:+.2f} [{low:+.2f}, {high:+.2f}]"


def print_row(title: str, columns: Iterable[str]) -> None:
    print(f"  {title:<18}{''.join(f'{column:<26}' for column in columns)}".rstrip())


def print_table(kept: Kept, program: str, clock: str) -> None:
    waits = clock == "wall" and program != "threads"
    print(f"\n{program}, % of {CLOCKS[clock]}{', less the wait for a core' if waits else ''}")
    print_row("", [f"{ms} ms" for ms in INTERVALS_MS])
    for profiler in OURS + OTHERS:
        print_row(profiler.name, [figure(kept.of(name_of(program, profiler, ms, clock))) for ms in INTERVALS_MS])


def print_ticks(kept: Kept) -> None:
    rounds = len(kept.of(tick_name("loop", OURS[-1])))
    print(f"\na tick, % of the CPU time of {TICKS_MS} ms; {rounds} rounds")
    print_row("", [profiler.name for profiler in OURS])
    for program in PROGRAMS:
        print_row(program, [figure(kept.of(tick_name(program, profiler))) for profiler in OURS])


def print_tables(kept: Kept) -> None:
    rounds, more = (len(kept.of(name_of("loop", OURS[-1], ms, "cpu"))) for ms in (1, 10))
    about = ", ".join(f"{key} {value}" for key, value in kept.about.items())
    print(f"{rounds} rounds, {more} at 10 ms\n{about}")
    print_ticks(kept)
    for clock in CLOCKS:
        for program in PROGRAMS:
            print_table(kept, program, clock)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds in all, including kept ones; one takes 6 minutes")
    parser.add_argument("--more", type=int, default=6, help="rounds at 10 ms; one takes 2 minutes")
    parser.add_argument("--ticks", type=int, default=10, help="rounds that measure ticks; one takes 2 minutes")
    parser.add_argument("--table", action="store_true", help="only print kept results")
    asked = parser.parse_args()
    kept = Kept()
    if not asked.table:
        install()
        compile_empty_handler()
        profilers = OURS + available(OTHERS)
        measure_ticks(kept, asked.ticks)
        measure_all(kept, profilers, INTERVALS_MS, asked.rounds)
        measure_all(kept, profilers, [10], asked.more)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        print_tables(kept)
    print(printed.getvalue(), end="")
    if not asked.table:
        write_tables(kept.path.stem, printed.getvalue())


if __name__ == "__main__":
    main()
