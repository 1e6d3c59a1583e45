"""Eight threads allocate and free, mostly without the GIL, while reports are made in a loop, forked children make
reports of their own, and a signal handler makes one. Print the longest time that a step of a thread took, in
milliseconds, with reports and without.

argument: how many reports
"""

import hashlib
import os
import signal
import sys
import threading
import time
import zlib

import spprof.memprof as memprof

REPORTS = int(sys.argv[1])
handled = []
over = threading.Event()


def report():
    found = memprof.get_snapshot().resident
    assert found.rss_bytes == found.unexplained_bytes + sum(part.bytes for part in found.parts)
    assert all(part.bytes >= 0 for part in found.parts if part.name != "pymalloc_free"), found
    return found


def work(number, longest):
    data = os.urandom(60_000)
    kept = []
    while not over.is_set():
        begin = time.perf_counter()
        kept.append(zlib.compress(data, 1))  # allocates in C, without the GIL
        hashlib.sha256(data).digest()
        kept.append(bytearray(number * 997 % 90_000 + 600))
        if len(kept) > 300:
            del kept[::2]
        longest[number] = max(longest[number], time.perf_counter() - begin)


def stalls(reports):
    """Return the longest step of any thread while this many reports (or none) are made."""
    over.clear()
    longest = [0.0] * 8
    threads = [threading.Thread(target=work, args=(number, longest)) for number in range(8)]
    for thread in threads:
        thread.start()
    for number in range(REPORTS):
        if not reports:
            sum(range(100_000))  # takes about as long as a report
            continue
        report()
        if number % 10 == 0:
            signal.raise_signal(signal.SIGUSR1)
        if number % 20 == 0:
            in_child()
    over.set()
    for thread in threads:
        thread.join()
    return max(longest) * 1000


def in_child():
    child = os.fork()
    if child == 0:
        try:
            report()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


if not memprof.is_active():
    memprof.start(16, seed=1)
signal.signal(signal.SIGUSR1, lambda *_: handled.append(report()))
without, during = stalls(False), stalls(True)
assert len(handled) == (REPORTS + 9) // 10
print(f"longest step: {without:.1f} ms without reports, {during:.1f} ms beside them")
