"""One program in one process, slices with and without ours in turns: the finest comparison, which only ours allows.

python bench/cpu/alternating.py NAME INTERVAL_MS PAIRS [LIBRARY]    prints CPU times, with and without

0 ms: both without.
LIBRARY: empty_handler.c, compiled, whose timer then takes our place.

Each slice has one like it before it that is not measured: what a session does in its first milliseconds, when it looks
for threads at each of its ticks and touches its memory for the first time, it does once.
"""

from __future__ import annotations

import ctypes
import json
import math
import random
import sys
from collections.abc import Callable
from typing import NamedTuple

import spprof
from programs import PROGRAMS, Work, timed

CPU = 1  # in what timed() returns
SLICE_NS = 50_000_000
"""At least so long, and two intervals: each slice has its ticks."""


class Ticks(NamedTuple):
    """What ticks: ours, or the empty handler."""

    begin: Callable[[int], object]
    end: Callable[[], object]


def ticks_of(library: str | None) -> Ticks:
    if library is None:
        return Ticks(lambda interval_ms: spprof.start(interval_ms=interval_ms), spprof.stop)
    loaded = ctypes.CDLL(library)
    loaded.empty_handler_begin.argtypes, loaded.empty_handler_begin.restype = [ctypes.c_long], ctypes.c_bool
    return Ticks(loaded.empty_handler_begin, loaded.empty_handler_end)


def one_slice(ticks: Ticks, work: Work, interval_ms: int) -> int:
    """Starting and stopping is not in it. 0 ms: after a start and a stop, since what comes before has its effect."""
    ticks.begin(interval_ms or 1)
    if not interval_ms:
        ticks.end()
    work()
    taken = timed(work)[CPU]
    if interval_ms:
        ticks.end()
    return taken


def pair(ticks: Ticks, work: Work, interval_ms: int) -> tuple[int, int]:
    """Nanoseconds with and without; which comes first is left to chance.

    Both are called from here: a frame deeper, the same work has its frames elsewhere, and differs by a percent.
    """
    order = (interval_ms, 0) if random.random() < 0.5 else (0, interval_ms)
    one = one_slice(ticks, work, order[0])
    other = one_slice(ticks, work, order[1])
    return (one, other) if order[0] == interval_ms else (other, one)


def slice_of(work: Work, interval_ms: int) -> Work:
    """So much of it that it takes long enough."""
    work()
    once_ns = timed(work)[CPU]
    times = math.ceil(max(SLICE_NS, 2_000_000 * interval_ms) / once_ns)
    return lambda: [work() for _ in range(times)]


def main() -> None:
    name, interval_ms, pairs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    ticks = ticks_of(sys.argv[4] if len(sys.argv) > 4 else None)
    work = slice_of(PROGRAMS[name](), interval_ms)
    for _ in range(2):
        pair(ticks, work, interval_ms)
    print(json.dumps([pair(ticks, work, interval_ms) for _ in range(pairs)]))


if __name__ == "__main__":
    main()
