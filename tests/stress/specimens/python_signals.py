"""Signal handlers in Python that allocate, free, take snapshots and fork, at any moment of a program that allocates."""

import os
import signal

import spprof.memprof as memprof
from rounds import check, check_counters, expect_good, finish, live_on, load, rounds, run_child, start_anew

STEPS = 100_000
handled = 0
kept: list[bytearray] = []


def handle(_signal, _frame):
    global handled
    handled += 1
    kept.append(bytearray(handled % 5000))
    if handled % 3 == 0:
        kept.clear()
    if handled % 100 == 0:
        memprof.get_snapshot()
    if handled % 500 == 0:
        expect_good(run_child(lambda: live_on(1, 0)))


os.register_at_fork(after_in_child=lambda: signal.setitimer(signal.ITIMER_REAL, 0))
signal.signal(signal.SIGALRM, handle)
with load(4):
    for number in rounds():
        start_anew(number)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        total = sum(len([bytearray(step % 700), str(step)]) for step in range(STEPS))
        signal.setitimer(signal.ITIMER_REAL, 0)
        check(total == 2 * STEPS, f"the program computed {total}")
        check_counters()
check(handled > 0, "no signal came")
finish(signals=handled)
