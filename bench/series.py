"""The cost of a series of snapshots for a program whose heap has many stacks.

.venv/bin/python bench/series.py [STACKS [CHANGED [SNAPSHOTS]]]

A program holds blocks at STACKS stacks (20,000). Before each of SNAPSHOTS snapshots (60), CHANGED of the stacks (400)
gain and lose blocks. Printed: the CPU time of a write, for complete files and for those that hold only changes; how
long another thread waits for the GIL in the meantime, next to the same without writes; the size of the folder and of
its page, and the time to make the page.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import spprof.memprof as memprof
from spprof.serve.series import Series

STACKS, CHANGED, SNAPSHOTS = (*map(int, sys.argv[1:]), *(20_000, 400, 60)[len(sys.argv) - 1 :])
DEPTH = 20
BLOCK = 120_000


def functions(count: int, text: str) -> list:
    names: dict = {}
    for number in range(count):
        exec(compile(text.format(number=number), f"/app/module_{number % 50}.py", "exec"), names)
    return [names[f"f{number}"] for number in range(count)]


ALLOCATORS = functions(200, "def f{number}(size): return bytearray(size)")
CALLERS = functions(STACKS // 200 + 1, "def f{number}(function, size): return function(size)")


def deep(depth: int, caller, function):
    return caller(function, BLOCK) if depth == 0 else deep(depth - 1, caller, function)


def block(stack: int) -> bytearray:
    return deep(DEPTH, CALLERS[stack // 200], ALLOCATORS[stack % 200])


class Waiter(threading.Thread):
    """Repeatedly releases and requests the GIL, and records how long it took to get the GIL back."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.longest: list[float] = []
        self.ends = False

    def run(self) -> None:
        clock, pause = time.perf_counter, threading.Event()
        while not self.ends:
            began = clock()
            pause.wait(0.001)
            self.longest.append(clock() - began - 0.001)


def waits(work) -> tuple[float, float]:
    """Return the CPU seconds of the work, and the longest wait of another thread during the work."""
    waiter = Waiter()
    waiter.start()
    used = time.thread_time()
    work()
    used = time.thread_time() - used
    waiter.ends = True
    waiter.join()
    return used, max(waiter.longest)


def computes() -> None:
    """Compute for as long as a write takes, without calls that keep the GIL."""
    ends = time.thread_time() + 0.03
    while time.thread_time() < ends:
        sum(range(100))


def told(name: str, rows: list[tuple[float, float]]) -> str:
    if not rows:
        return f"{name}: none"
    used, waited = ([1000 * row[column] for row in rows] for column in (0, 1))
    return (
        f"{name}: {len(rows)}; CPU median {statistics.median(used):.1f} ms, longest {max(used):.1f} ms; another thread "
        f"waited for the GIL: median of the longest {statistics.median(waited):.1f} ms, longest {max(waited):.1f} ms"
    )


def main() -> None:
    draw = random.Random(1)
    memprof.start(64)
    held = [block(stack) for stack in range(STACKS)]
    with tempfile.TemporaryDirectory() as folder:
        series = Series(os.path.join(folder, "one.1"), SNAPSHOTS, lambda snapshot: snapshot)
        rows: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        alone = []
        for _ in range(SNAPSHOTS):
            for stack in draw.sample(range(STACKS), CHANGED):
                held[stack] = block(stack)
            row = waits(lambda: series.write({}))
            rows[series.last_path.endswith(".pb.gz")].append(row)
            alone.append(waits(computes))
        size = sum(entry.stat().st_size for entry in os.scandir(folder))
        print(f"{STACKS} stacks, {CHANGED} of them change before each of {SNAPSHOTS} snapshots")
        print(told("complete", rows[True]))
        print(told("changes", rows[False]))
        print(told("a thread that only computes", alone))
        print(f"folder: {size / 1e6:.1f} MB")
        page = os.path.join(folder, "page.html")
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "spprof", "flamegraph", folder, "-o", page], check=True)
        print(f"page: {os.path.getsize(page) / 1e6:.1f} MB, made in {time.perf_counter() - began:.1f} s")
    del held


main()
