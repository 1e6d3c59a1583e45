"""An InterpreterPoolExecutor whose tasks are profiled from the main interpreter."""

import threading
from concurrent.futures import InterpreterPoolExecutor

import functions
import spprof
from spprof import _engine, memprof

kept = []


def keeps(number):
    kept.append(bytearray(8_000_000 + number))
    return len(kept[-1])


def samples():
    own = threading.get_native_id()
    return sum(thread[2] for thread in _engine.cpu_profile()[2] if thread[0] == own)


def spins(_):
    goal = samples() + 3
    while samples() < goal:
        for _ in range(20_000):
            pass
    return threading.get_native_id()


def names(frames):
    return [frame.function for frame in frames]


def profiled_from_here():
    memprof.start(100, native="off")  # a block of 80 intervals is certain to be sampled
    spprof.start(interval_ms=1)
    with InterpreterPoolExecutor(2) as pool:
        assert list(pool.map(keeps, range(4))) == [8_000_000, 8_000_001, 8_000_002, 8_000_003]
        stacks = [names(sample.stack) for sample in memprof.get_snapshot().samples if sample.size > 8_000_000]
        assert [stack[0] for stack in stacks] == ["keeps"] * 4, stacks
        threads = set(pool.map(spins, range(4)))
    profile = spprof.stop()
    spun = [sample for sample in profile.samples if "spins" in names(sample.frames)]
    assert {sample.thread_id for sample in spun} == threads, (threads, profile)
    assert len(spun) >= 12, profile
    assert [sample for sample in memprof.get_snapshot().samples if sample.size > 8_000_000] == []
    memprof.stop()


def decorated_tasks():
    with InterpreterPoolExecutor(2) as pool:
        tasks = [pool.submit(functions.plain, number, other=1) for number in range(6)]
        assert [task.result() for task in tasks] == list(range(1, 7))
        assert [task.result() for task in [pool.submit(functions.results) for _ in range(4)]] == [functions.RESULTS] * 4
