import os
import signal

import spprof
from spent import check_seconds, spend

ticks = 0


def on_tick(number, frame):
    global ticks
    ticks += 1


def count_ticks():
    global ticks
    ticks = 0
    signal.setitimer(signal.ITIMER_PROF, 0.02, 0.02)
    spend(0.3)
    signal.setitimer(signal.ITIMER_PROF, 0)
    return ticks


def count_sent():
    global ticks
    ticks = 0
    for _ in range(200):
        os.kill(os.getpid(), signal.SIGPROF)
    return ticks


signal.signal(signal.SIGPROF, on_tick)
alone = beside = 0
for rounds in range(40):
    if rounds >= 4 and min(alone, beside) >= 20:
        break
    alone += count_ticks()
    spprof.start(interval_ms=1)
    beside += count_ticks()
    assert count_sent() == 200
    check_seconds(spprof.stop(), "spend", 0.3)
assert signal.getsignal(signal.SIGPROF) is on_tick
assert alone / 3 < beside < alone * 3, (alone, beside)
