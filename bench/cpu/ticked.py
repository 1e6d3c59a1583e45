"""The cost of single ticks, measured on the program's own steps.

python bench/cpu/ticked.py PROGRAM SWITCH INTERVAL_MS SECONDS

Prints a line of JSON with, for each tick, its number in the session and its cost in nanoseconds of CPU time.

    the kernel's ticks     │                │                │                │
    steps              ────┼────┬───────┬───┼───┬───────┬────┼──┬───────┬─────┼─      0.3 to 1 ms each
                       as usual?            with a signal    as usual?
                                            └─ and the next: how much longer these two took than equal steps,
                                               less the same for the two at the kernel's ticks before and after

CPU timers expire at the kernel's ticks, which also take time without a signal. If the machine slows down for more than
a few milliseconds, the neighbouring steps are affected too. Equal steps are the other runs of a step, without a signal.
"""

from __future__ import annotations

import bisect
import json
import os
import sys
import threading
import time
from statistics import median
from typing import NamedTuple

from programs import PROGRAMS, Program
from switches import SWITCHES, TICK_NS

WARM_SECONDS = 1
FIRST_TICKS = 8
"""The first ticks of a session are left out, because they touch the session's memory for the first time."""
APART_NS = -(-3_000_000 // TICK_NS) * TICK_NS
"""Distance from a tick to its neighbours: a whole number of the kernel's ticks, with enough steps in between."""


class Stamp(NamedTuple):
    """The end of a step, or the beginning of a run."""

    step: int
    """The step's number; -1 at the beginning of a run."""
    time_ns: int
    """Time since the epoch."""
    cpu_ns: int
    """CPU time of the thread."""


class Done(NamedTuple):
    """A step that a thread has run. All threads share one processor."""

    end_ns: int
    begin_ns: int
    step: int
    cpu_ns: int
    """CPU time of the step."""


def stamp(program: Program, stamps: dict[int, list[Stamp]]) -> None:
    """Run the program's steps in this thread and record when they end."""
    of_thread = stamps.setdefault(threading.get_native_id(), [])
    of_thread.append(Stamp(-1, time.time_ns(), time.thread_time_ns()))
    for number, step in enumerate(program.steps):
        step()
        of_thread.append(Stamp(number, time.time_ns(), time.thread_time_ns()))


def run_for(seconds: float, program: Program) -> list[Done]:
    """Return the steps in the order in which they ended."""
    stamps: dict[int, list[Stamp]] = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        program.everywhere(lambda: stamp(program, stamps))
    return sorted(
        Done(after.time_ns, before.time_ns, after.step, after.cpu_ns - before.cpu_ns)
        for of_thread in stamps.values()
        for before, after in zip(of_thread, of_thread[1:])
        if after.step >= 0
    )


class Steps:
    """Steps, with how much longer each of them took than equal steps."""

    def __init__(self, steps: list[Done], ticks: list[int]) -> None:
        self._steps = steps
        self._ends = [step.end_ns for step in steps]
        self._with_tick = {self.place(at) for at in ticks}
        alike: dict[int, list[int]] = {}
        for place, step in enumerate(steps):
            if place not in self._with_tick:
                alike.setdefault(step.step, []).append(step.cpu_ns)
        self._usual = {number: round(median(times)) for number, times in alike.items()}

    def place(self, at: int) -> int | None:
        """Return the index of the step that was running at this time, or None if there was none or it is the last."""
        place = bisect.bisect_right(self._ends, at)
        return place if place + 1 < len(self._steps) and self._steps[place].begin_ns <= at else None

    def has_tick(self, place: int) -> bool:
        return place in self._with_tick or place + 1 in self._with_tick

    def more(self, place: int) -> int:
        """Return how much longer than usual this step and the next one took."""
        return sum(step.cpu_ns - self._usual[step.step] for step in self._steps[place : place + 2])


def costs(done: list[Done], ticks: list[int]) -> list[tuple[int, int]]:
    """Return the number and the cost of each tick that has neighbours."""
    steps = Steps(done, ticks)
    found = []
    for number, at in enumerate(ticks, 1):
        place, before, after = (steps.place(at + apart) for apart in (0, -APART_NS, APART_NS))
        if number <= FIRST_TICKS or place is None or before is None or after is None:
            continue
        if not steps.has_tick(before) and not steps.has_tick(after) and place not in (before, after):
            found.append((number, steps.more(place) - (steps.more(before) + steps.more(after)) // 2))
    return found


def main() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    program = PROGRAMS[sys.argv[1]]()
    switch = SWITCHES[sys.argv[2]](int(sys.argv[3]), program)
    run_for(WARM_SECONDS, program)
    switch.begin()
    done = run_for(float(sys.argv[4]), program)
    switch.end()
    print(json.dumps(costs(done, sorted(switch.ticks()))))


if __name__ == "__main__":
    main()
