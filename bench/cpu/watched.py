"""The profiled process: it does a program's work on order, and times that work.

python bench/cpu/watched.py PROGRAM SWITCH INTERVAL_MS SLICE_NS     takes orders (bench/common/orders.py)

    begin, end      switches the profiler that runs inside this process on and off
    settle NS       at least NS of work
    slice           at least SLICE_NS of work; answers with the time of each repetition, [wall, CPU, waited]
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))
from common.serve import serve
from programs import PROGRAMS, Work
from switches import SWITCHES


def waited_ns() -> int:
    """Return how long this thread has waited for a core."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1])


def own_ns() -> int:
    """Return the CPU time of all threads. The process's own clock is unsuitable: if a timer is set on it, as ours is,
    the kernel updates it only at the kernel's ticks.
    """
    return sum(time.clock_gettime_ns(~int(thread) << 3 | 6) for thread in os.listdir("/proc/self/task"))


def outside_ns() -> int:
    """Return the CPU time of the profiler that started this program and watches it from outside, or 0 if none does."""
    if "CPU_FROM_OUTSIDE" not in os.environ:
        return 0
    return time.clock_gettime_ns(~os.getppid() << 3 | 2)  # the kernel's clock id for another process


def clocks() -> list[int]:
    return [time.perf_counter_ns(), own_ns() + outside_ns(), waited_ns()]


def timed(work: Work, times: int) -> list[int]:
    """For each repetition, return nanoseconds of wall time, of CPU time in all processes, and of waiting for a core."""
    before = clocks()
    for _ in range(times):
        work()
    return [(after - start) // times for after, start in zip(clocks(), before)]


def orders_of(program: str, switch: str, interval_ms: int, slice_ns: int) -> dict[str, Callable[..., object]]:
    found = PROGRAMS[program]()
    work = found.run
    work()
    once_ns = timed(work, 1)[1]
    times = math.ceil(slice_ns / once_ns)
    switched = SWITCHES[switch](interval_ms, found)
    return {
        "begin": switched.begin,
        "end": switched.end,
        "settle": lambda least_ns: timed(work, math.ceil(int(least_ns) / once_ns)),
        "slice": lambda: timed(work, times),
    }


def main() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    serve(orders_of(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))


if __name__ == "__main__":
    main()
