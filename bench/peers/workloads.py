"""The workloads that run under each variant: functions of a number of loops."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import threading
import time
from typing import Any, Callable, Optional

Loops = Callable[[int], object]


def load(name: str) -> Loops:
    """Return a workload named ``part/workload``. Raise KeyError if there is no such workload."""
    part, _, name = name.partition("/")
    if part == "programs":
        from peers import programs

        return programs.load(name)
    return {"steady": STEADY, "worst": WORST}[part][name]


def loops_library() -> ctypes.CDLL:
    library = ctypes.CDLL(os.environ["BENCH_LOOPS"])
    library.malloc_loop.argtypes = [ctypes.c_long] * 4
    library.paced_loop.argtypes = [ctypes.c_long] * 4
    library.malloc_loop.restype = library.paced_loop.restype = None
    return library


# ---- Steady loads: each loop takes MILLISECONDS of wall time

MILLISECONDS = 100
"""Wall time per loop."""


def c_1k(loops: int) -> None:
    """Run 100 000 pairs of 1 KB a second, with 10 MB live."""
    loops_library().paced_loop(MILLISECONDS * loops, 100_000, 1000, 10_000)


def c_100(loops: int) -> None:
    """Run 1 000 000 pairs of 100 bytes a second, with 10 MB live."""
    loops_library().paced_loop(MILLISECONDS * loops, 1_000_000, 100, 100_000)


SIZES = [(number * 7919) % 2000 + 1 for number in range(100)]
ring: list[Optional[bytes]] = [None] * 10_000
place = 0


def python_1k(loops: int) -> None:
    """Allocate 100 000 bytes objects of 1 KB a second in Python, with 10 MB live."""
    global place
    at = time.monotonic()
    for _ in range(MILLISECONDS * loops):
        for size in SIZES:
            ring[place] = bytes(size)
            place = (place + 1) % len(ring)
        at += 0.001
        time.sleep(max(0.0, at - time.monotonic()))


STEADY: dict[str, Loops] = {"c_1k": c_1k, "c_100": c_100, "python_1k": python_1k}


# ---- Worst cases: a few milliseconds per loop, nearly all of it in allocators


def string_building(loops: int) -> None:
    for _ in range(loops * 50):
        text = ""
        for number in range(40):
            text += f"abc{number}"


def objects_tuples_strings(loops: int) -> None:
    for _ in range(loops):
        objects = [object() for _ in range(3000)]
        tuples = [(number, number + 1) for number in range(3000)]
        strings = [str(number) for number in range(3000)]
        del objects, tuples, strings


def small_objects(loops: int) -> None:
    for _ in range(loops):
        [object() for _ in range(10_000)]


def tuples(loops: int) -> None:
    for _ in range(loops):
        [(number, number) for number in range(10_000)]


def strings(loops: int) -> None:
    for _ in range(loops):
        [str(number) for number in range(5000)]


def integers(loops: int) -> None:
    for _ in range(loops):
        [number**2 for number in range(5000)]


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y


def instances(loops: int) -> None:
    for _ in range(loops):
        [Point(number, number) for number in range(2000)]


def list_append(loops: int) -> None:
    for _ in range(loops * 50):
        numbers = []
        for number in range(100):
            numbers.append(number)


def dictionaries(loops: int) -> None:
    for _ in range(loops * 100):
        by_number = {}
        for number in range(20):
            by_number[number] = number
        dict(by_number).pop(3)


def bytes_600(loops: int) -> None:
    for _ in range(loops):
        [bytes(600) for _ in range(2000)]


LARGE = [600 * (1 + number % 109) for number in range(1000)]


def bytes_600_to_64k(loops: int) -> None:
    kept: list[Optional[bytes]] = [None] * 16
    for _ in range(loops):
        for number, size in enumerate(LARGE):
            kept[number & 15] = bytes(size)


TEXT = json.dumps([{"id": n, "name": f"user{n}", "tags": ["a", str(n)], "at": {"x": n * 1.5}} for n in range(200)])


def json_loads(loops: int) -> None:
    for _ in range(loops):
        json.loads(TEXT)


def deep(depth: int) -> list[int]:
    kept = [depth, depth]
    if depth:
        deep(depth - 1)
    return kept


def depth_500(loops: int) -> None:
    for _ in range(loops * 10):
        deep(500)


async def task(number: int) -> list[int]:
    await asyncio.sleep(0)
    return [number]


async def tasks(loops: int) -> None:
    for _ in range(loops):
        await asyncio.gather(*[task(number) for number in range(100)])


def asyncio_tasks(loops: int) -> None:
    asyncio.run(tasks(loops))


arrays: list[Any] = []


def numpy_temporaries(loops: int) -> None:
    import numpy

    if not arrays:
        arrays.append(numpy.ones(131_072))
    for _ in range(loops * 4):
        arrays[0] + arrays[0]


def malloc_64(threads: int) -> Loops:
    return lambda loops: loops_library().malloc_loop(threads, loops * 20_000, 32, 100)


def malloc_1k(loops: int) -> None:
    loops_library().malloc_loop(1, loops * 20_000, 1000, 1000)


def on_threads(work: Loops, count: int) -> Loops:
    def run(loops: int) -> None:
        threads = [threading.Thread(target=work, args=(loops,)) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return run


WORST: dict[str, Loops] = {
    "s += …": string_building,
    "s += …, 8 threads": on_threads(string_building, 8),
    "objects, tuples, strings": objects_tuples_strings,
    "objects, tuples, strings, 2 threads": on_threads(objects_tuples_strings, 2),
    "objects, tuples, strings, 8 threads": on_threads(objects_tuples_strings, 8),
    "object()": small_objects,
    "tuples": tuples,
    "str(i)": strings,
    "i ** 2": integers,
    "instances": instances,
    "list.append": list_append,
    "dictionaries": dictionaries,
    "bytes(600)": bytes_600,
    "bytes(600 … 64k)": bytes_600_to_64k,
    "json.loads": json_loads,
    "500 frames deep": depth_500,
    "asyncio tasks": asyncio_tasks,
    "numpy temporaries of 1 MiB": numpy_temporaries,
    "C, malloc(1 … 64)": malloc_64(1),
    "C, malloc(1 … 64), 2 threads": malloc_64(2),
    "C, malloc(1 … 64), 8 threads": malloc_64(8),
    "C, malloc(1 … 2000)": malloc_1k,
}
