"""A program that alternates with itself: each slice with its profiler is paired with a slice without it, so the
machine's current speed and the process's memory layout affect both. (If the effect of a profiler is permanent, the
other slice of the pair is from an unprofiled twin.)

    this process ──'slice'──► orders ──► watched.py: one slice
                 ◄────────── answers ── [wall, CPU, waited]

A profiler inside the process is switched by an order; one outside of the process, by stopping the profiler's process.
"""

from __future__ import annotations

import random
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from common.orders import Ordered
from profilers import NOTHING, Profiler

ANSWER_SECONDS = 120
ATTACH_SECONDS = 0.5
END_MS = 10


def beginning_ms(interval_ms: int) -> float:
    """Return the time before the first slice. A session of ours looks for new threads after 1, 3, 7 and 15 intervals,
    and then every 16. Slices are between the last two of these; at 1 ms, where the kernel determines the ticks, they
    are after all of them.
    """
    return max(7.2 * interval_ms, 16)


class Taker:
    """One program under one profiler, from start to end. Raises OSError or CalledProcessError if it cannot run."""

    def __init__(self, profiler: Profiler, interval_ms: int, program: str, slice_ns: int) -> None:
        command, variables = profiler.command_of(interval_ms, program, slice_ns)
        self._ordered = Ordered(command, variables, ANSWER_SECONDS)
        self._is_outside = profiler.is_outside
        self._beginning_ms = beginning_ms(interval_ms)
        self._watched = int(self._ordered.answer())
        if self._is_outside:
            self._get_to_know_each_other()
            self.switch(False)

    def begin(self) -> None:
        """Switch the profiler on and let it settle."""
        self.switch(True)
        self.settle(self._beginning_ms)

    def switch(self, is_on: bool) -> None:
        if not self._is_outside:
            self._ordered.tell("begin" if is_on else "end")
        elif is_on:
            self._ordered.process.send_signal(signal.SIGCONT)
        else:
            self._stop_outside()

    def _get_to_know_each_other(self) -> None:
        """Wait while the profiler is looking for the interpreter in its child, because it must not be stopped then."""
        begin = time.monotonic()
        while time.monotonic() < begin + ATTACH_SECONDS:
            self.settle(20)

    def _stop_outside(self) -> None:
        """Stop the profiler's process, but not while it holds the program."""
        while True:
            self._ordered.process.send_signal(signal.SIGSTOP)
            while not is_stopped(self._ordered.process.pid):
                time.sleep(0.0001)
            if not is_held(self._watched):
                return
            self._ordered.process.send_signal(signal.SIGCONT)
            time.sleep(0.001)

    def settle(self, least_ms: float) -> None:
        """Run work that is not measured."""
        self._ordered.tell(f"settle {round(least_ms * 1_000_000)}")

    def slice(self) -> list[int]:
        """Run one slice and return the answer of watched.py."""
        measured: list[int] = self._ordered.tell("slice")
        return measured

    def __enter__(self) -> Taker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ordered.dismiss()
        if self._is_outside:
            self.switch(True)
        self._ordered.close()


def statuses(process: int) -> list[dict[str, str]]:
    """Return what the kernel reports about each thread of the process."""
    texts = [status.read_text() for status in Path(f"/proc/{process}/task").glob("*/status")]
    return [dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line) for text in texts]


def is_stopped(process: int) -> bool:
    return all(status["State"].startswith("T") for status in statuses(process))


def is_held(process: int) -> bool:
    """Return True if a tracer holds the process."""
    return any(status["TracerPid"] != "0" for status in statuses(process))


Pair = tuple[list[int], list[int]]
"""A slice with the profiler, and one without it."""


def pairs_of(profiler: Profiler, interval_ms: int, program: str, slice_ns: int, count: int) -> list[Pair]:
    """Return pairs of slices with the profiler and without it, in random order within each pair.

    At its start, a session does some work only once: it touches its memory for the first time, and looks for threads
    more often than later. A profiler that was stopped has to catch up. So each of them is given time to settle.
    """
    with ExitStack() as both:
        watched = both.enter_context(Taker(profiler, interval_ms, program, slice_ns))
        twin = both.enter_context(Taker(NOTHING, interval_ms, program, slice_ns)) if profiler.has_twin else watched
        return [pair(watched, twin) for _ in range(count)]


def pair(watched: Taker, twin: Taker) -> Pair:
    if random.random() < 0.5:
        return one_slice(watched, is_on=True), one_slice(twin, is_on=False)
    without = one_slice(twin, is_on=False)
    return one_slice(watched, is_on=True), without


def one_slice(taker: Taker, is_on: bool) -> list[int]:
    if is_on:
        taker.begin()
    else:
        taker.settle(END_MS)
    measured = taker.slice()
    if is_on:
        taker.switch(False)
    return measured
