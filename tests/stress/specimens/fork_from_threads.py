"""Threads fork at the same time while four others allocate and two save snapshots.

The only thread of each child was not the parent's main thread.
"""

import threading
from contextlib import contextmanager

import spprof.memprof as memprof
from rounds import SHORT, check, check_counters, expect_good, finish, live_on, load, rounds, run_child, start_anew

FORKING = 2 if SHORT else 4
FORKS = 1 if SHORT else 2
errors = []
saved = [0, 0]


def fork(rate):
    try:
        for _ in range(FORKS):
            expect_good(run_child(lambda: live_on(rate)))
    except BaseException as error:
        errors.append(error)


def save(number, ending):
    try:
        while not ending.is_set():
            memprof.get_snapshot().save(("meanwhile.collapsed", "meanwhile.pb.gz")[number])
            saved[number] += 1
    except BaseException as error:
        errors.append(error)


@contextmanager
def saving():
    """Run two threads that take and save snapshots, so that forks happen at any time during both."""
    ending = threading.Event()
    threads = [threading.Thread(target=save, args=(number, ending)) for number in range(len(saved))]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join()


children = 0
with load(4):
    for number in rounds():
        rate = start_anew(number)
        with saving():
            threads = [threading.Thread(target=fork, args=(rate,)) for _ in range(FORKING)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        check(not errors, f"in a thread: {errors}")
        children += FORKS * FORKING
        check_counters()
check(all(saved), f"nothing was saved meanwhile: {saved}")
finish(children=2 * children, saved_meanwhile=sum(saved))
