"""A realistic stack of C and Python frames that ends in the stopwatches.

unwind_mixed.py STOPWATCH LIBUNWIND SLICES [PAIR]    prints JSON: {row: [frames, [ns a stack back to back], [in place]]}

Back to back: many stacks at once. In place: one after each millisecond of other work, which leaves little in the
caches. PAIR is the library of forced_sample.c; with it, the installed engine is started.
"""

import ctypes
import functools
import json
import re
import sys
import time

try:
    import numpy
except ImportError:
    numpy = None

KINDS = {"nothing": 0, "ours": 1, "ours, new": 2, "ours, cold": 3, "libunwind": 4, "libgcc": 5}
REPEATS = {"ours, cold": 4}
"""The number of stacks measured at once, if it is not 200."""
TEXT = json.dumps([{"id": i, "name": f"name {i}", "values": [i * 0.5, None, True]} for i in range(40)])


# ---- A millisecond of work


def work_once():
    rows = json.loads(TEXT)
    rows.sort(key=lambda row: row["name"])
    words = re.findall(r"\w+", json.dumps(rows))
    counts = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    if numpy is not None:
        numpy.sort(numpy.arange(20_000)[::-1]).sum()


def time_of_work():
    begin = time.perf_counter()
    work_once()
    return time.perf_counter() - begin


def work():
    for _ in range(ROUNDS_OF_WORK):
        work_once()


ROUNDS_OF_WORK = max(1, round(1e-3 / min(time_of_work() for _ in range(9))))


# ---- The stack


def through_json(then):
    json.dumps(object(), default=lambda _: then())


def through_sorting(then):
    sorted([1], key=lambda _: then() or 1)


def descend(callers, bottom):
    if callers:
        callers[0](lambda: descend(callers[1:], bottom))
    else:
        bottom()


CALLERS = [through_json, through_sorting]  # a little more than thirty native frames
CALLERS_OF_SAMPLES = CALLERS[:1]  # thirty frames of both kinds


# ---- Measurements at the end of the stack


class Rows:
    """Measurements by name. Each is a function time_of(repeats) that returns nanoseconds."""

    def __init__(self):
        self.times_of, self.frames, self.at_once, self.in_place = {}, {}, {}, {}

    def add(self, name, frames, time_of):
        self.times_of[name], self.frames[name] = time_of, frames
        self.at_once[name], self.in_place[name] = [], []

    def take_turns(self, slices):
        for _ in range(slices):
            for name, time_of in self.times_of.items():
                self.at_once[name].append(time_of(REPEATS.get(name, 200)))
                work()
                self.in_place[name].append(time_of(1))

    def all(self):
        return {name: [self.frames[name], self.at_once[name], self.in_place[name]] for name in self.times_of}


def measure(rows, stopwatch, slices):
    for name, kind in KINDS.items():
        if stopwatch.stopwatch_has(kind):
            time_of = functools.partial(stopwatch.stopwatch_nanoseconds, kind)
            rows.add(name, stopwatch.stopwatch_frames(kind), lambda n, time_of=time_of: time_of(ctypes.c_long(n)))
    rows.take_turns(slices)


def measure_samples(rows, pair, slices):
    for name, sampled in (("bare pair", False), ("sampled pair", True)):
        frames = pair.pair_frames() if sampled else 0
        rows.add(name, frames, lambda n, sampled=sampled: pair.pair_nanoseconds(sampled, ctypes.c_long(n)))
    rows.take_turns(slices)


def main():
    stopwatch = ctypes.PyDLL(sys.argv[1])
    stopwatch.stopwatch_nanoseconds.restype = ctypes.c_double
    stopwatch.stopwatch_has.restype = ctypes.c_bool
    stopwatch.stopwatch_prepare(None if sys.argv[2] == "-" else sys.argv[2].encode())
    slices = int(sys.argv[3])
    unwinding, sampling = Rows(), Rows()
    descend(CALLERS, lambda: measure(unwinding, stopwatch, slices))
    memory = (ctypes.c_uint64 * 8)()
    stopwatch.stopwatch_read_memory(memory)
    if len(sys.argv) > 4:
        from spprof import memprof

        pair = ctypes.PyDLL(sys.argv[4])  # looks the engine up by name
        pair.pair_nanoseconds.restype = ctypes.c_double
        pair.pair_nanoseconds.argtypes = [ctypes.c_bool, ctypes.c_long]
        memprof.start()
        descend(CALLERS_OF_SAMPLES, lambda: measure_samples(sampling, pair, slices))
        memprof.stop()
    print(json.dumps({"rows": {**unwinding.all(), **sampling.all()}, "memory": list(memory)}))


if __name__ == "__main__":
    main()
