"""One program in one process, slices with and without ours in turns: the finest comparison, which only ours allows.

python bench/cpu/alternating.py NAME INTERVAL_MS PAIRS     prints CPU times, with and without; 0 ms: both without

Each slice has one like it before it that is not measured: what a session does in its first milliseconds, when it looks
for threads at each of its ticks and touches its memory for the first time, it does once.
"""

from __future__ import annotations

import json
import math
import random
import sys

import spprof
from programs import PROGRAMS, Work, timed

CPU = 1  # in what timed() returns
SLICE_NS = 50_000_000
"""At least so long, and two intervals: each slice has its ticks."""


def with_ours(work: Work, interval_ms: int) -> int:
    """Starting and stopping is not in it."""
    spprof.start(interval_ms=interval_ms or 1)
    if not interval_ms:
        spprof.stop()
    work()
    taken = timed(work)[CPU]
    if interval_ms:
        spprof.stop()
    return taken


def without(work: Work) -> int:
    """After the same as above: what comes before a slice has its effect on it."""
    return with_ours(work, 0)


def pair(work: Work, interval_ms: int) -> tuple[int, int]:
    """Nanoseconds with and without; which comes first is left to chance."""
    if random.random() < 0.5:
        return with_ours(work, interval_ms), without(work)
    base = without(work)
    return with_ours(work, interval_ms), base


def slice_of(work: Work, interval_ms: int) -> Work:
    """So much of it that it takes long enough."""
    work()
    once_ns = timed(work)[CPU]
    times = math.ceil(max(SLICE_NS, 2_000_000 * interval_ms) / once_ns)
    return lambda: [work() for _ in range(times)]


def main() -> None:
    name, interval_ms, pairs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    work = slice_of(PROGRAMS[name](), interval_ms)
    for _ in range(2):
        pair(work, interval_ms)
    print(json.dumps([pair(work, interval_ms) for _ in range(pairs)]))


if __name__ == "__main__":
    main()
