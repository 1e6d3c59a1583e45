"""Signal handlers in Python allocate, free, take snapshots and fork, at any time in a program that allocates."""

import os
import signal

import spprof.memprof as memprof
from rounds import check, check_counters, expect_good, finish, live_on, load, rounds, run_child, start_anew

STEPS = 100_000
APART = 0.0005
DEEPEST = 3
"""The maximum depth of nested handlers. Without this limit, signals that arrive faster than a snapshot is taken would
nest until memory runs out.
"""
SNAPSHOTS = 40
"""The maximum per round. Signals arrive anywhere, so each snapshot contains more stacks than the one before."""
handled = 0
snapshots = 0
running = 0
sending = False
kept: list[bytearray] = []


def send_soon():
    signal.setitimer(signal.ITIMER_REAL, APART if sending else 0)


def handle(_signal, _frame):
    global handled, running
    handled += 1
    running += 1
    nests = running < DEEPEST
    if nests:
        send_soon()
    do_work()
    running -= 1
    if not nests:
        send_soon()


def do_work():
    global snapshots
    kept.append(bytearray(handled % 5000))
    if handled % 3 == 0:
        kept.clear()
    if handled % 100 == 0 and snapshots < SNAPSHOTS:
        snapshots += 1
        memprof.get_snapshot()
    if handled % 500 == 0:
        expect_good(run_child(lambda: live_on(1, 0)))


os.register_at_fork(after_in_child=lambda: signal.setitimer(signal.ITIMER_REAL, 0))
signal.signal(signal.SIGALRM, handle)
with load(4):
    for number in rounds():
        start_anew(number)
        snapshots, sending = 0, True
        send_soon()
        total = sum(len([bytearray(step % 700), str(step)]) for step in range(STEPS))
        sending = False
        send_soon()
        check(total == 2 * STEPS, f"the program computed {total}")
        check_counters()
check(handled > 0, "no signal came")
finish(signals=handled)
