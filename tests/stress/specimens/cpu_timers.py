"""Real timers at 1 ms, with 32 threads that call, compute, sleep, compress and end: few samples and no time are lost.

The specimen is meant to run for half an hour: run it by name, with STRESS_SECONDS=1800.
"""

import collections
import hashlib
import json
import re
import threading
import time
import zlib

from rounds import SHORT, check, finish, rounds
from spprof import _engine

THREADS = 32
ROUND_SECONDS = 0.5 if SHORT else 30
LOST_MAX = 0.001
INTERVAL_NS = 1_000_000
TEXT = json.dumps({str(number): [number, "x" * (number % 7)] for number in range(2000)})


def loop():
    sum(number * number % 7 for number in range(5000))


def descend(depth=200):
    return descend(depth - 1) if depth else loop()


def walk():
    json.loads(TEXT)
    re.findall(r"\d+", TEXT[:2000])


def outside():
    zlib.compress(TEXT.encode(), 6)
    hashlib.sha256(TEXT.encode()).hexdigest()


def rest():
    time.sleep(0.001)


def live_shortly():
    loop()
    short_lives.append(time.thread_time_ns())


def begin_another():
    thread = threading.Thread(target=live_shortly)
    thread.start()
    thread.join()


KINDS = [loop, descend, walk, outside, rest, begin_another]


def work(seed):
    number = seed
    while not ending.is_set():
        KINDS[number % len(KINDS)]()
        number += 1


ending = threading.Event()
short_lives = []
threads = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(THREADS)]
for thread in threads:
    thread.start()
samples, lost, threads_met, handler_ns, sampled_ns, process_ns = 0, collections.Counter(), 0, 0, 0, 0
for number in rounds():
    short_lives.clear()
    _engine.cpu_start(INTERVAL_NS, "cpu", number % 2 == 1)
    ending.wait(ROUND_SECONDS)
    _engine.cpu_stop()
    _, _, met, stats, _ = _engine.cpu_profile()
    uncovered_ns = sum(thread[3] for thread in met)
    missing = 1 - (stats["sampled_ns"] + uncovered_ns) / stats["process_ns"]
    short = sum(short_lives) / stats["process_ns"]
    slack = 30e6 / stats["process_ns"] if SHORT else 0  # the clocks are read one after another
    check(
        -0.01 - slack < missing < 0.02 + slack + 1.5 * short,
        f"{missing:.2%} of the CPU time is missing, {short:.2%} are short: {stats}",
    )
    samples, threads_met = samples + stats["samples"], threads_met + stats["threads"]
    handler_ns += stats["handler_ns"]
    sampled_ns, process_ns = sampled_ns + stats["sampled_ns"] + uncovered_ns, process_ns + stats["process_ns"]
    lost.update(stats["dropped"])
ending.set()
for thread in threads:
    thread.join()
share = sum(lost.values()) / (samples + sum(lost.values()))
few = SHORT and sum(lost.values()) <= 3  # with only about a hundred samples, one is already more than that share
check(share <= LOST_MAX or few, f"{share:.3%} of {samples} samples are lost: {lost}")
finish(
    samples=samples,
    lost=f"{share:.4%}",
    by_reason={reason: count for reason, count in lost.items() if count},
    threads=threads_met,
    covered=f"{sampled_ns / process_ns:.2%}",
    in_handler=f"{handler_ns / process_ns:.2%}",
)
