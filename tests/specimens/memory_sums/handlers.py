"""A signal handler makes reports and releases memory while it interrupts the same work, or allocations.

argument: how many times the handler must run
"""

import signal
import sys

import spprof.memprof as memprof

handled = []


def report():
    found = memprof.get_snapshot().resident
    assert found.rss_bytes == found.unexplained_bytes + sum(part.bytes for part in found.parts)


def handle(number, frame):
    report()
    memprof.trim()
    handled.append(number)
    if len(handled) < wanted:  # none may arrive at interpreter shutdown, which first removes the handler
        signal.setitimer(signal.ITIMER_REAL, 0.003)


wanted = int(sys.argv[1])
memprof.start(16, seed=1)
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.003)
while len(handled) < wanted:
    report()
    memprof.trim()
    kept = [bytes(number * 37 % 90_000) for number in range(300)]
