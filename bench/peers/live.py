"""The cost of a malloc and free with 10³ … 10⁷ live samples in our engine, measured in processes that take turns."""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import live_size
from common.intervals import bootstrap

from peers.kept import Unit
from peers.run import Run, failures, source_line
from peers.tables import markdown, percent_more

WORKLOAD = "malloc and free"
COUNTS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
FEW = str(COUNTS[0])
SLICES = 40
ROUNDS = 8
"""Rounds of 4096 pairs in a slice."""
BYTES_A_SAMPLE = 1_000
"""Memory needed for each live sample here: its block, the eight others around it, and its entry in the tables."""


@dataclass(frozen=True)
class Live:
    """The part "live"."""

    name: str
    generations: int

    def measure(self, run: Run) -> None:
        kept, counts = run.kept(self.name), COUNTS[:2] if run.is_quick else COUNTS
        for number in range(run.generations_of(self.generations)):
            if not kept.is_done(WORKLOAD, number, [str(count) for count in counts]):
                unit = measure_unit(number, counts, 2 if run.is_quick else SLICES)
                kept.add(unit)
                ns = {count: median(sum(pair) for pair in taken) for count, taken in unit.measured.items()}
                print(f"{self.name}, processes {number + 1}: {ns}", flush=True)

    def table(self, run: Run) -> str:
        units = run.kept(self.name).units()
        groups = groups_of(units)
        if FEW not in groups:
            return ""
        rows = []
        for count, taken in sorted(groups.items(), key=lambda item: int(item[0])):
            malloc, free = (median(pair[which] for slices in taken for pair in slices) for which in (0, 1))
            more = "" if count == FEW else percent_more(bootstrap(ratios(taken, groups[FEW])))
            rows.append([f"{int(count):,}", f"{malloc:.2f}", f"{free:.2f}", more])
        return "\n".join(
            [
                "Nanoseconds of an unsampled malloc(64) and its free with this many live samples; preloaded. "
                f"Both together, % more than with {int(FEW):,}, in alternating slices (95 %).",
                "",
                markdown(["live samples", "malloc", "free", "both, % more"], rows),
                "",
                *failures(units),
                "",
                source_line(self.name, units, run),
            ]
        )

    def chart(self, run: Run) -> None:
        """Return None: this part has no chart."""


Pairs = list[list[float]]
"""For each slice, the nanoseconds of a malloc and of a free."""


def measure_unit(number: int, counts: Sequence[int], slices: int) -> Unit:
    available = available_bytes()
    failed = {
        str(count): f"needs {count * BYTES_A_SAMPLE >> 30} GiB"
        for count in counts
        if count * BYTES_A_SAMPLE > available
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = live_size.compile_c("many_live.c", folder / "many_live")
        processes = {}
        for count in map(str, counts):
            if count not in failed:
                processes[count] = live_size.ManyLive(program, int(count))
                stack.callback(processes[count].end)
        for process in processes.values():
            process.slice(ROUNDS)
        return Unit(WORKLOAD, number, dict(take_turns(processes, slices)), failed)


def take_turns(processes: Mapping[str, live_size.ManyLive], slices: int) -> dict[str, Pairs]:
    taken: dict[str, Pairs] = {count: [] for count in processes}
    for _ in range(slices):
        for count in random.sample(sorted(processes), len(processes)):
            free, both = processes[count].slice(ROUNDS)
            taken[count].append([both - free, free])
    return taken


def available_bytes() -> int:
    found = re.search(r"^MemAvailable: +(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def groups_of(units: Sequence[Unit]) -> dict[str, list[Pairs]]:
    """Return the pairs of each generation, keyed by the number of live samples."""
    newest: dict[str, dict[int, Pairs]] = {}
    for unit in units:
        for count, taken in unit.measured.items():
            newest.setdefault(count, {})[unit.generation] = taken
    return {count: list(by_generation.values()) for count, by_generation in newest.items()}


def ratios(many: Sequence[Pairs], few: Sequence[Pairs]) -> list[list[float]]:
    def of(generations: tuple[Pairs, Pairs]) -> Iterator[float]:
        for one, other in zip(*generations):
            yield sum(one) / sum(other)

    return [list(of(generations)) for generations in zip(many, few)]


LIVE_PART = Live("live", generations=3)
