"""One program in one process, slices with and without ours in turns: the finest comparison, which only ours allows.

python bench/cpu/alternating.py NAME INTERVAL_MS PAIRS     prints CPU times, with and without; 0 ms: both without
"""

from __future__ import annotations

import json
import random
import sys

import spprof
from programs import PROGRAMS, Work, timed

CPU = 1  # in what timed() returns


def profiled_ns(work: Work, interval_ms: int) -> int:
    """Starting and stopping is not in it."""
    if interval_ms:
        spprof.start(interval_ms=interval_ms)
    taken = timed(work)[CPU]
    if interval_ms:
        spprof.stop()
    return taken


def pair(work: Work, interval_ms: int) -> tuple[int, int]:
    """Nanoseconds with and without; which comes first is left to chance."""
    if random.random() < 0.5:
        return profiled_ns(work, interval_ms), timed(work)[CPU]
    without = timed(work)[CPU]
    return profiled_ns(work, interval_ms), without


def main() -> None:
    name, interval_ms, pairs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    work = PROGRAMS[name]()
    for _ in range(5):
        pair(work, interval_ms)
    print(json.dumps([pair(work, interval_ms) for _ in range(pairs)]))


if __name__ == "__main__":
    main()
