"""Workers of all variants, which are alive at once and take turns: one slice each per round, in random order.

    round 1:   memray ▌none ▌spprof ▌none again ▌ddtrace …
    round 2:   none ▌ddtrace ▌memray ▌none again ▌spprof …        a slice's time ÷ the mean of the round's two "none"

If the machine slows down for a second, or the program slows down as it ages, all variants are affected. A process keeps
its memory layout, which alone causes differences of a few percent, so there are several generations of fresh processes.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Callable, NamedTuple

from common.orders import Ordered, reason

from peers.places import outputs_within
from peers.variants import NONE, NONE_AGAIN, WORKER, Variant, missing

PATIENCE_SECONDS = 120
NS_A_MS = 1_000_000
MOST_LOOPS = 1 << 20
SLOWEST = 3
"""If a variant's slices take this many times as long, they run fewer loops."""
ROUNDS_OF_SLOW = 2
Slice = list[int]
"""CPU and wall nanoseconds per loop."""


@dataclass(frozen=True)
class Plan:
    """How long a generation takes."""

    slice_ms: float
    """Length of a slice. 0: the length of a loop is fixed, and a slice has ``loops`` of them."""
    loops: int
    rounds: int
    """Maximum number of rounds."""
    least_rounds: int
    seconds: float
    """Time limit for the rounds, unless there are too few of them."""


@dataclass(frozen=True)
class Generation:
    """Slices by variant, the reasons why the other variants failed, and the loops per slice."""

    measured: dict[str, list[Slice]]
    failed: dict[str, str]
    loops: int


class Loops(NamedTuple):
    """The number of loops per slice."""

    number: int
    is_slow: bool = False


class BaselineError(Exception):
    """The workload itself cannot run."""


class Workers:
    """The workers that still answer, and the reasons why the others do not."""

    def __init__(self) -> None:
        self.failed: dict[str, str] = {}
        self._alive: dict[str, Ordered] = {}

    def start(self, variants: Sequence[Variant], workload: str) -> None:
        """Start all workers at once, and then wait for each."""
        for variant in variants:
            try:
                command, variables = variant.command(WORKER, workload), variant.variables()
                self._alive[variant.name] = Ordered(command, variables, PATIENCE_SECONDS, outputs_within())
            except OSError as error:
                self.failed[variant.name] = reason(error)
        for name in self.names():
            self._ask(name, Ordered.answer)

    def names(self) -> list[str]:
        return list(self._alive)

    def slice(self, name: str, loops: int) -> Slice | None:
        """Return CPU and wall nanoseconds per loop, or None if the worker has failed, which excludes it from now on."""
        answer = self._ask(name, lambda worker: worker.tell(f"slice {loops}"))
        return None if answer is None else [round(ns / loops) for ns in answer]

    def _ask(self, name: str, do: Callable[[Ordered], Any]) -> Any:
        try:
            return do(self._alive[name])
        except (OSError, subprocess.CalledProcessError) as error:
            self.failed[name] = reason(error)
            self._alive.pop(name).close()
            return None

    def close(self) -> None:
        """End all workers at once, because some write a report when they end."""
        for worker in self._alive.values():
            worker.dismiss()
        for worker in self._alive.values():
            worker.close()


def generation(variants: Sequence[Variant], workload: str, plan: Plan, uninstalled: Mapping[str, str]) -> Generation:
    """Run fresh processes of all variants. Raise BaselineError if even those without a profiler fail."""
    workers = Workers()
    with contextlib.closing(workers):
        workers.failed.update(missing(variants, uninstalled))
        workers.start([variant for variant in variants if variant.name not in workers.failed], workload)
        loops = loops_by_name(workers, plan)
        taken = take_rounds(workers, loops, plan)
    return Generation(taken, workers.failed, loops[NONE].number)


def take_rounds(workers: Workers, loops: Mapping[str, Loops], plan: Plan) -> dict[str, list[Slice]]:
    """Measure rounds. Variants that fail in one of them are left out."""
    taken: dict[str, list[Slice]] = {name: [] for name in loops}
    began = time.monotonic()
    for number in range(plan.rounds):
        if number >= plan.least_rounds and time.monotonic() > began + plan.seconds:
            break
        names = [name for name in workers.names() if number < ROUNDS_OF_SLOW or not loops[name].is_slow]
        random.shuffle(names)
        for name in names:
            measured = workers.slice(name, loops[name].number)
            if measured is None:
                del taken[name]
                assert_baseline(workers)
            else:
                taken[name].append(measured)
    return taken


def loops_by_name(workers: Workers, plan: Plan) -> dict[str, Loops]:
    """Return the loops per slice, after one or two uncounted slices. Variants that are many times slower run fewer
    loops.
    """
    first = {name: workers.slice(name, 1) for name in workers.names()}
    assert_baseline(workers)
    if plan.loops:
        return {name: Loops(plan.loops) for name in workers.names()}
    loops = loops_of_slice(workers, plan.slice_ms)
    if loops > 1:
        first = {name: workers.slice(name, loops) for name in workers.names()}
    assert_baseline(workers)
    cpu = {name: measured[0] for name, measured in first.items() if measured}
    longest = SLOWEST * (cpu[NONE] + cpu[NONE_AGAIN]) / 2
    return {name: Loops(loops) if ns <= longest else fewer(loops * longest / ns) for name, ns in cpu.items()}


def fewer(loops: float) -> Loops:
    """Return fewer loops per slice. If a single loop is already too long, the variant takes part only in the first
    rounds.
    """
    return Loops(max(1, round(loops)), is_slow=loops < 0.5)


def loops_of_slice(workers: Workers, slice_ms: float) -> int:
    loops = 1
    while True:
        measured = workers.slice(NONE, loops)
        assert_baseline(workers)
        assert measured
        if measured[0] * loops >= slice_ms * NS_A_MS / 2 or loops >= MOST_LOOPS:
            return max(1, round(slice_ms * NS_A_MS / max(measured[0], 1)))
        loops *= 2


def assert_baseline(workers: Workers) -> None:
    for name in (NONE, NONE_AGAIN):
        if name in workers.failed:
            raise BaselineError(f"{name}: {workers.failed[name]}")


# ---- Results


def ratios(measured: Mapping[str, Sequence[Slice]], name: str) -> list[float]:
    """Return CPU time relative to no profiler, round by round. The figure of "none again" is the method's own error."""
    return [slice_[0] / base for slice_, base in zip(measured[name], baseline(measured, name))]


def baseline(measured: Mapping[str, Sequence[Slice]], name: str) -> list[float]:
    """Return CPU nanoseconds without a profiler, round by round."""
    if name == NONE_AGAIN:
        return [slice_[0] for slice_ in measured[NONE]]
    return [fmean([one[0], other[0]]) for one, other in zip(measured[NONE], measured[NONE_AGAIN])]
