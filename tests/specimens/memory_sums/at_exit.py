"""End while daemon threads are making reports and releasing memory. An exit handler makes a report too."""

import atexit
import threading

import spprof.memprof as memprof


def report():
    found = memprof.get_snapshot().resident
    assert found.rss_bytes == found.unexplained_bytes + sum(part.bytes for part in found.parts)


def keep(call, begun):
    while True:
        call()
        begun.set()


def last():
    report()
    print("reported at exit", flush=True)


memprof.start(16, seed=1)
atexit.register(last)
for call in (report, report, memprof.trim):
    begun = threading.Event()
    threading.Thread(target=keep, args=(call, begun), daemon=True).start()
    begun.wait()
