"""Walks of inconsistent stacks: the CPU profiler's signal arrives between any two instructions of threads that
continuously call, return, raise, yield, define, compile and trace. Each reported pair of caller and callee must be
possible, and few stacks may be lost. Two rounds in five sample the heap too. Losses that occur because the signal
interrupted the engine are counted separately.

100 million walks take about half an hour: run this by name, with STRESS_SECONDS=1800.
"""

import collections
import ctypes
import functools
import itertools
import json
import random
import re
import struct
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import spprof.memprof as memprof
from rounds import SHORT, check, expect_good, finish, library, rounds, run_child
from spprof import _engine
from spprof.symbolize import frames as symbols

WALKS = 60_000 if SHORT else 500_000
"""The number of walks in a step-by-step round."""
FROM_OUTSIDE = 3_000 if SHORT else 50_000
TURNS = 100
"""The minimum number of turns of the threads. On a busy machine, all threads may be waiting while signals are sent."""
THREADS = 3
APART = 1 if SHORT else 2
"""The maximum number of instructions between two signals."""
MADE = 50
INTERVAL_NS = 1_000_000_000
LOST_MAX = 0.001


# ---- Work of the threads


def call_one():
    return call_two()


def call_two():
    return call_three(1, b=2)


def call_three(a, *, b):
    return call_four(*(a, b))


def call_four(*args):
    return args


def calls():
    for _ in range(5):
        call_one()


def yield_inner():
    yield 1
    try:
        yield 2
    except KeyError:
        yield 3


def yield_outer():
    yield from yield_inner()


def generators():
    for _ in range(2):
        made = yield_outer()
        next(made)
        made.send(None)
        made.throw(KeyError())
        made.close()
        sum(number for number in range(5))


def raise_inner():
    raise ValueError


def raise_outer():
    try:
        raise_inner()
    finally:
        call_four()


def exceptions():
    for _ in range(3):
        try:
            raise_outer()
        except ValueError:
            call_four()


def classes():
    class Made:
        held = call_four(1)

        def __init__(self):
            call_four(self)

        def __lt__(self, other):
            return call_four(other) == ()

    sorted([Made(), Made(), Made()])


def compiled():
    number = chance.randrange(MADE)
    text = f"def made_{number}():\n    return hash({number})\nmade_{number}()\n"
    exec(compile(text, f"made-{number}.py", "exec"), {})


def descend(depth):
    return descend(depth - 1) if depth else call_four()


def recursion():
    descend(60)


def key(number):
    return call_four(number)


def callbacks():
    sorted(range(3), key=key)
    list(map(key, range(3)))
    functools.partial(key, 1)()


def tracer(frame, event, argument):
    return tracer


def traced():
    for install in (sys.settrace, sys.setprofile):
        install(tracer)
        call_one()
        install(None)


KINDS = [calls, generators, exceptions, classes, compiled, recursion, callbacks, traced]
chance = random.Random(1)


def work():
    while not ending.is_set():
        chance.choice(KINDS)()
        turns.append(1)


def work_in_steps(seed):
    """Like work(), but interrupted continuously."""
    number, cookie = _engine.cpu_tick_of(threading.get_native_id())
    while sum(sent) < WALKS:
        kind = chance.choice(KINDS)
        storm.steps_begin(number, cookie, APART, seed)
        kind()
        sent.append(storm.steps_end())


# ---- Possible stacks

CALLERS = {
    "work": {"run"},
    "work_in_steps": {"steps_round"},
    "one_round": {"run_child"},
    "storm_round": {"one_round"},
    "steps_round": {"one_round"},
    "__exit__": {"storm_round"},
    "<listcomp>": {"storm_round"},
    **{kind.__name__: {"work", "work_in_steps"} for kind in KINDS},
    "call_one": {"calls", "traced"},
    "call_two": {"call_one"},
    "call_three": {"call_two"},
    "call_four": {"call_three", "raise_outer", "exceptions", "Made", "__init__", "__lt__", "descend", "key"},
    "yield_outer": {"generators"},
    "yield_inner": {"yield_outer", "generators"},  # close() goes directly to the generator that is delegated to
    "<genexpr>": {"generators"},
    "raise_outer": {"exceptions"},
    "raise_inner": {"raise_outer"},
    "Made": {"classes"},
    "__init__": {"classes"},
    "__lt__": {"classes"},
    "descend": {"descend", "recursion"},
    "key": {"callbacks"},
    "tracer": {"traced", "call_one", "call_two", "call_three", "call_four"},
}
ROOTS = {"<module>", "_bootstrap", "Thread._bootstrap"}
LIBRARY = re.compile(r"/(threading|random|enum|rounds)\.py$")


class Called(NamedTuple):
    function: str
    file: str
    line: int


def is_possible(callee, caller):
    """Return True if the caller can call the callee. For library functions, only check that they are the library's."""
    made = re.fullmatch(r"made-(\d+)\.py", callee.file)
    if LIBRARY.search(callee.file):
        return True
    if made:
        names = {f"made_{made.group(1)}": caller.file == callee.file, "<module>": caller.function == "compiled"}
        return names.get(callee.function, False)
    return callee.file == __file__ and short(caller) in CALLERS.get(short(callee), ())


def short(called):
    return called.function.rpartition(".")[2]


def check_stack(stack_id):
    """Check one stack. Native frames are not resolved, because that takes longer than everything else."""
    words, cut, _ = _engine.stack(stack_id)
    called = [Called(*_engine.code(word)) for word in words if word & symbols.INTERPRETED]
    for callee, caller in zip(called, called[1:]):
        check(is_possible(callee, caller), f"{callee} is not called by {caller}: {called}")
    check(cut or not called or called[-1].function in ROOTS, f"it ends too soon: {called}")


def depth_of(stack_id):
    return sum(bool(word & symbols.INTERPRETED) for word in _engine.stack(stack_id)[0])


def check_steps(stack_ids):
    """Check that frames come and go one by one: none may disappear and then reappear."""
    depths = {stack_id: depth_of(stack_id) for stack_id in set(stack_ids)}
    levels = [depth for depth, _ in itertools.groupby(stack_ids, depths.__getitem__)]
    for before, at, after in zip(levels, levels[1:], levels[2:]):
        check(min(before, after) - at <= 1, f"stacks of {before}, then of {at}, then of {after} frames")


def check_profile(in_steps):
    packed, summed, _, stats, stacks = _engine.cpu_profile()
    id_of = {number: stack_id for number, stack_id, *_ in stacks}
    stack_ids = [id_of[sample[3]] for sample in sorted(struct.iter_unpack(_engine.CPU_SAMPLE_FORMAT, packed))]
    seen = collections.Counter(stack_ids)
    if in_steps:
        check_steps(stack_ids)
    for number, count, _ in summed:
        seen[id_of[number]] += count
    check(sum(seen.values()) == stats["samples"], f"{sum(seen.values())} samples, {stats}")
    for stack_id in seen:
        check_stack(stack_id)
    check(len(seen) > 20, f"only {len(seen)} different stacks")
    return stats, len(seen)


# ---- Rounds


class Threads:
    """A group of threads that work until this context is left."""

    def __init__(self, target, arguments):
        self.all = [threading.Thread(target=target, args=each, daemon=True) for each in arguments]

    def __enter__(self):
        for thread in self.all:
            thread.start()
        return self.all

    def __exit__(self, *_):
        ending.set()
        for thread in self.all:
            thread.join()
        ending.clear()


def storm_round():
    """Send signals from another thread, even to threads that are waiting for the GIL."""
    with Threads(work, [()] * THREADS) as threads:
        _engine.cpu_start(INTERVAL_NS, "wall", False)
        ticks = [_engine.cpu_tick_of(thread.native_id) for thread in threads]
        ids = (ctypes.c_int * THREADS)(*(thread.native_id for thread in threads))
        cookies = (ctypes.c_uint64 * THREADS)(*(cookie for _, cookie in ticks))
        check(storm.storm_begin(ENGINE, ids, THREADS, ticks[0][0], cookies) == 0, "the storm begins")
        turns.clear()
        while storm.storm_sent() < FROM_OUTSIDE or len(turns) < TURNS:
            ending.wait(0.01)
        sent.append(storm.storm_end())
    _engine.cpu_stop()


def steps_round(native):
    """Use only one thread: others that requested the GIL would make it wait step by step."""
    _engine.cpu_start(INTERVAL_NS, "cpu", native)
    work_in_steps(len(sent))
    _engine.cpu_stop()


def samples_heap(number):
    return number % 5 >= 3


def one_round(number):
    """Run a round in a child, whose tables are empty. So many different stacks would fill this process's tables."""
    heap, in_steps = samples_heap(number), number % 5 != 4
    if heap:
        memprof.start(64)
    if in_steps:
        steps_round(number % 2 == 1)
    else:
        storm_round()
    if heap:
        memprof.stop()
    stats, distinct = check_profile(in_steps)
    handled = stats["samples"] + sum(stats["dropped"].values())
    check(abs(handled - sum(sent)) <= 0.01 * sum(sent) + 1000, f"{sum(sent)} were sent, {handled} handled: {stats}")
    check(heap or stats["dropped"]["in_engine"] == 0, f"{stats}")
    TOLD.write_text(json.dumps([handled, distinct, stats["dropped"]]))


ENGINE = _engine.library_path().encode()
TOLD = Path("round.json")
storm = ctypes.PyDLL(library("storm"))
storm.storm_sent.restype = storm.storm_end.restype = storm.steps_end.restype = ctypes.c_ulong
storm.steps_begin.argtypes = [ctypes.c_int, ctypes.c_uint64, ctypes.c_uint, ctypes.c_uint64]
storm.steps_begin.restype = ctypes.c_bool
ending, sent, turns = threading.Event(), [], []
walks, lost, different = collections.Counter(), {False: collections.Counter(), True: collections.Counter()}, 0
for number in rounds():
    expect_good(run_child(functools.partial(one_round, number)))
    handled, distinct, dropped = json.loads(TOLD.read_text())
    heap, different = samples_heap(number), max(different, distinct)
    walks[heap] += handled
    lost[heap].update(dropped)
shares = {heap: sum(lost[heap].values()) / walks[heap] if walks[heap] else 0 for heap in lost}
without_engine = (sum(lost[True].values()) - lost[True]["in_engine"]) / max(walks[True], 1)
check(max(shares[False], without_engine) <= LOST_MAX, f"lost {shares}: {lost} of {walks}")
finish(
    walks=sum(walks.values()),
    stacks=different,
    lost=f"{shares[False]:.4%}",
    by_reason=+lost[False],
    with_heap={"walks": walks[True], "lost": f"{shares[True]:.4%}", "by_reason": +lost[True]},
)
