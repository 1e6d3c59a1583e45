"""The programs that are profiled: the same work in every slice, which the program times itself.

python bench/cpu/programs.py NAME       takes turns, see turns.py; orders and answers are in the folder CPU_TURNS
"""

from __future__ import annotations

import ast
import json
import os
import random
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

THREADS = 16
DEPTH = 400

Work = Callable[[], object]


def add_up(count: int) -> int:
    total = 0
    for number in range(count):
        total += number * number % 7
    return total


def loop() -> Work:
    """Nothing but the interpreter."""
    return lambda: add_up(250_000)


def threads() -> Work:
    """Sixteen threads that were there before, and want the interpreter's lock all the time."""
    begin, end = threading.Barrier(THREADS + 1), threading.Barrier(THREADS + 1)

    def serve() -> None:
        while True:
            begin.wait()
            add_up(20_000)
            end.wait()

    for _ in range(THREADS):
        threading.Thread(target=serve, daemon=True).start()

    def work() -> None:
        begin.wait()
        end.wait()

    return work


def compiled_code() -> Work:
    """Most of the time in C: zlib, and numpy where it is there."""
    page = random.Random(1).choices("the quick brown fox jumps".split(), k=12_000)
    data = " ".join(page).encode()
    try:
        import numpy
    except ImportError:
        return lambda: [zlib.compress(data, 6) for _ in range(8)]
    table = numpy.arange(250_000, dtype="f8")

    def work() -> None:
        for _ in range(10):
            zlib.compress(data, 6)
            (numpy.sqrt(table) + table).sum()

    return work


def recursion() -> Work:
    """Each stack is four hundred frames deep."""
    sys.setrecursionlimit(DEPTH + 1000)

    def descend(depth: int) -> int:
        return 1 + descend(depth - 1) if depth else add_up(6_000)

    return lambda: [descend(DEPTH) for _ in range(40)]


def parsing() -> Work:
    """A module of the standard library read, walked and written out again, as source and as JSON."""
    source = Path(argument_parser()).read_text(encoding="utf-8")[:40_000].rpartition("\n\n    def ")[0]

    def work() -> int:
        tree = ast.parse(source)
        names = [type(node).__name__ for node in ast.walk(tree)]
        return len(ast.unparse(tree)) + len(json.loads(json.dumps(names, indent=1)))

    return work


def argument_parser() -> str:
    import argparse

    return argparse.__file__


PROGRAMS: dict[str, Callable[[], Work]] = {
    "loop": loop,
    "threads": threads,
    "compiled code": compiled_code,
    "recursion": recursion,
    "parsing": parsing,
}


# ---- Timing


def waited_ns() -> int:
    """How long this thread has waited for a core."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1])


def own_ns() -> int:
    """The CPU time of all threads. The process's own clock would not do: where a timer is set on it, as ours is, it is
    only brought up to date at the kernel's ticks."""
    return sum(time.clock_gettime_ns(~int(thread) << 3 | 6) for thread in os.listdir("/proc/self/task"))


def outside_ns() -> int:
    """The CPU time of the profiler that started this program and watches it from outside. 0: there is none."""
    if "CPU_FROM_OUTSIDE" not in os.environ:
        return 0
    return time.clock_gettime_ns(~os.getppid() << 3 | 2)  # the kernel's name for the clock of another process


def clocks() -> list[int]:
    return [time.perf_counter_ns(), own_ns() + outside_ns(), waited_ns()]


def timed(work: Work) -> list[int]:
    """Nanoseconds on the wall's clock, of CPU time in all processes, and of waiting for a core."""
    before = clocks()
    work()
    return [after - start for after, start in zip(clocks(), before)]


def main() -> None:
    folder = Path(os.environ["CPU_TURNS"])
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    work = PROGRAMS[sys.argv[1]]()
    with open(folder / "orders", "rb", buffering=0) as orders, open(folder / "answers", "wb", buffering=0) as answers:
        while orders.read(1):
            answers.write(json.dumps(timed(work)).encode() + b"\n")


if __name__ == "__main__":
    main()
