import threading
import time

import spprof
import spprof.memprof as memprof
from spent import check_seconds, spend


def work():
    while not ending.is_set():
        [bytearray(2000) for _ in range(20)]


def turn(start, stop):
    for _ in range(100):
        start()
        time.sleep(0)
        stop()


ending = threading.Event()
workers = [threading.Thread(target=work) for _ in range(3)]
for worker in workers:
    worker.start()
turns = [
    threading.Thread(target=turn, args=(lambda: spprof.start(interval_ms=1), spprof.stop)),
    threading.Thread(target=turn, args=(lambda: memprof.start(64), memprof.stop)),
]
for thread in turns:
    thread.start()
for thread in turns:
    thread.join()
ending.set()
for worker in workers:
    worker.join()
assert not spprof.is_active() and not memprof.is_active()
spprof.start(interval_ms=1)
spend(0.1)
check_seconds(spprof.stop(), "spend", 0.1)
