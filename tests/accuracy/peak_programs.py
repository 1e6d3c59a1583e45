"""Programs with a known peak, run many times: how often does each site's 95 % interval at the peak contain the true
value?

python tests/accuracy/peak_programs.py PROGRAM RUNS FIRST_SEED      prints what ``judge`` returns for each site, as JSON

The programs differ in the shape of their heap: one summit, a plateau where blocks come and go, teeth, two equal
summits. Each program frees everything that it allocates. The true value is the memory that the same process holds at
the peak when every allocation is sampled.
"""

from __future__ import annotations

import array
import collections
import ctypes
import functools
import gc
import hashlib
import json
import math
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from spprof import _engine, memprof
from spprof.analysis.sites import Sums

RATE_KB = 4
SAMPLES_MIN = 20

# ---- One summit


def numpy_temporaries() -> int:
    import numpy

    rows = [numpy.arange(300.0) for _ in range(60)]
    scaled = [row * 2.0 for row in rows]
    shifted = [
        row + 1.0  # each one is a temporary next to its operand
        for row in scaled
    ]
    return len(shifted)


def descend(depth: int) -> int:
    own = [bytearray(500 + depth) for _ in range(4)]
    if depth == 0:
        deepest = [bytes(700) for _ in range(200)]
        return len(deepest)
    return len(own) + descend(depth - 1)


def recursion() -> int:
    return descend(80)


def threads() -> None:
    all_hold = threading.Barrier(4)

    def work(number: int) -> None:
        read = [bytearray(900) for _ in range(40)]
        parsed = [bytes(row) + b"." * number for row in read]
        all_hold.wait()
        assert len(parsed) == len(read)

    in_threads([lambda number=number: work(number) for number in range(4)])


class Person:
    """A class of which CPython keeps no freed instances for reuse, unlike tuples."""

    __slots__ = ("name", "number")

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number


def small_objects() -> int:
    people = {}
    for number in range(2500):
        name = f"person {number:05}"
        people[name] = Person(
            name.upper(),
            number + 1000,
        )
    return len(people)


def native_buffers() -> int:
    digests = [hashlib.sha256() for _ in range(600)]
    buffers = [ctypes.create_string_buffer(1500) for _ in range(80)]
    numbers = [array.array("d", bytes(2000)) for _ in range(80)]
    return len(digests) + len(buffers) + len(numbers)


def building_strings() -> int:
    lines = [f"{number:05} " * 40 for number in range(400)]
    text = "\n".join(lines)
    words = text.split(" \n")
    return len(words)


# ---- A summit of blocks that move as they grow


def growing_buffers() -> int:
    buffers = [bytearray() for _ in range(60)]
    for _ in range(50):
        for buffer in buffers:
            buffer += b"." * 80
    return len(buffers)


# ---- Plateaus


def cache() -> int:
    base = [bytearray(1000) for _ in range(120)]
    kept: collections.OrderedDict[int, bytearray] = collections.OrderedDict()
    for number in range(5000):
        kept[number] = bytearray(800)
        if len(kept) > 250:
            kept.popitem(last=False)
    return len(base) + len(kept)


def read(count: int) -> Iterator[bytearray]:
    for _ in range(count):
        yield bytearray(600)


def parse(records: Iterator[bytearray]) -> Iterator[list[object]]:
    for record in records:
        yield [record, bytes(record)]


def pipeline() -> int:
    window = collections.deque(parse(read(4000)), 300)
    return len(window)


def queue() -> None:
    """One thread fills the queue, and another empties half of it."""
    messages: collections.deque[bytearray] = collections.deque()
    filled, emptied = threading.Semaphore(0), threading.Semaphore(0)

    def produce() -> None:
        for _ in range(16):
            while len(messages) < 200:
                messages.append(bytearray(700))
            filled.release()
            emptied.acquire()

    def consume() -> None:
        for _ in range(16):
            filled.acquire()
            while len(messages) > 100:
                messages.popleft()
            emptied.release()
        messages.clear()

    in_threads([produce, consume])


# ---- Teeth


def batches() -> None:
    for _ in range(12):
        rows = [bytearray(700) for _ in range(200)]
        copies = [bytes(row) for row in rows]
        assert len(copies) == len(rows)
        del rows, copies


TEETH = 12


def rising_batches(teeth: int = TEETH) -> None:
    """The last tooth is the largest, but by less than samples can resolve."""
    results = []
    for _ in range(teeth):
        rows = [bytearray(700) for _ in range(200)]
        for row in rows[::12]:
            results.append(bytes(row))
        del rows, row
        note_moment()


# ---- Two equal summits, of different sites


def first_half() -> int:
    loaded = [bytearray(1000) for _ in range(200)]
    return len(loaded)


def second_half() -> int:
    written = [bytearray(1000) for _ in range(200)]
    return len(written)


def two_summits() -> None:
    first_half()
    note_moment()
    second_half()
    note_moment()


# ---- Running the programs

highest: list[int] = []
"""The recorded peak at each point in time that this run has noted."""


engine = ctypes.CDLL(_engine.library_path())


def note_moment() -> None:
    """Note this point in time, which may be recorded as the peak. Allocations made here are not counted."""
    engine.spprof_pause()
    highest.append(_engine.stats()["window_peak_bytes"])
    engine.spprof_resume()


def in_threads(work: list[Callable[[], None]]) -> None:
    started = [threading.Thread(target=one) for one in work]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


class Program(NamedTuple):
    run: Callable[[], object]
    shape: str
    moments: tuple[Callable[[], object], ...] = ()
    """If the program notes points in time, this holds, for each of them, a function whose peak is there."""
    native: str = "off"


PROGRAMS = {
    "numpy_temporaries": Program(numpy_temporaries, "a summit", native="auto"),
    "recursion": Program(recursion, "a summit"),
    "threads": Program(threads, "a summit"),
    "small_objects": Program(small_objects, "a summit"),
    "native_buffers": Program(native_buffers, "a summit", native="auto"),
    "building_strings": Program(building_strings, "a summit"),
    "growing_buffers": Program(growing_buffers, "a summit of moved blocks"),
    "cache": Program(cache, "a plateau of 20 lifetimes"),
    "pipeline": Program(pipeline, "a plateau of 13 lifetimes"),
    "queue": Program(queue, "16 teeth alike, half of each new"),
    "batches": Program(batches, "12 teeth alike"),
    "rising_batches": Program(
        rising_batches,
        "12 rising teeth",
        tuple(functools.partial(rising_batches, teeth) for teeth in range(1, TEETH + 1)),
    ),
    "two_summits": Program(two_summits, "2 summits alike", (first_half, second_half)),
}

Place = tuple[str, int]
WHOLE: Place = ("all of them", 0)


def peak_of(program: Program, run: Callable[[], object], rate_kb: int, seed: int) -> dict[Place, Sums]:
    """Return this file's sites at the peak, keyed by function and line, and the sum of all of them."""
    gc.disable()  # if our own garbage were freed midway, it would create a summit
    with memprof.MemoryProfiler(rate_kb, native=program.native, seed=seed) as profiler:
        run()
    gc.enable()
    sites = profiler.snapshot.peak.live_sites.items()
    found: dict[Place, Sums] = {(key.function, key.line): site for key, site in sites if key.file == __file__}
    whole = Sums()
    for site in found.values():
        whole.add(site)
    return {**found, WHOLE: whole}


def truth_of(program: Program, run: Callable[[], object]) -> dict[Place, int]:
    found = []
    for _ in range(3):
        gc.collect()
        found.append({place: sums.value for place, sums in peak_of(program, run, 0, 0).items()})
    _, one, other = found
    for place in {*one, *other}:  # equal except for small blocks that CPython keeps for reuse, such as 80 lists
        apart = abs(one.get(place, 0) - other.get(place, 0))
        assert apart <= 1000 + 0.03 * other.get(place, 0), (place, one, other)
    return other


class Found(NamedTuple):
    """A site in one run. ``moment`` is the index of the noted point in time that was recorded as the peak."""

    moment: int
    sums: Sums


def judge(truths: list[int], found: list[Found]) -> dict[str, Any]:
    """Compare one site's estimates with the true values. ``truths`` is indexed by the noted point in time."""
    truth = [truths[one.moment] for one in found]
    ends = [one.sums.interval() or (0, 0) for one in found]
    errors = [one.sums.value - of for one, of in zip(found, truth)]
    mean = sum(errors) / len(found)
    return {
        "truth": sum(truth) / len(found),
        "listed": len(found),
        "samples": sum(one.sums.samples for one in found) / len(found),
        "too_high": sum(low > of for (low, _), of in zip(ends, truth)),
        "too_low": sum(high < of for (_, high), of in zip(ends, truth)),
        "lean": mean,
        "deviation": math.sqrt(sum((error - mean) ** 2 for error in errors) / len(found)),
    }


def main() -> None:
    program, runs, first_seed = PROGRAMS[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])
    for _ in range(3):  # so that permanent allocations are made first
        program.run()
    found: dict[Place, list[Found]] = collections.defaultdict(list)
    for seed in range(first_seed, first_seed + runs):
        highest.clear()
        sites = peak_of(program, program.run, RATE_KB, seed)
        moment = highest.index(highest[-1]) if highest else 0
        for place, sums in sites.items():
            found[place].append(Found(moment, sums))
    truths = [truth_of(program, run) for run in program.moments or (program.run,)]
    told = []
    for place in sorted(found, key=lambda place: place[1] or sys.maxsize):
        said = judge([truth.get(place, 0) for truth in truths], found[place])
        told.append({"function": place[0].rpartition(".")[2], "line": place[1], **said})
    print(json.dumps([one for one in told if one["samples"] >= SAMPLES_MIN]))


if __name__ == "__main__":
    main()
