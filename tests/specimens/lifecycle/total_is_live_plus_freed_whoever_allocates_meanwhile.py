import threading

import spprof.memprof as memprof
from spprof import _engine


def churn():
    kept = []
    while not done.is_set():
        kept = [bytearray(number) for number in range(0, 5000, 50)] + kept[:50]


done = threading.Event()
threads = [threading.Thread(target=churn, daemon=True) for _ in range(8)]
for thread in threads:
    thread.start()
last = 0
for number in range(18):
    memprof.start((0, 1, 16)[number % 3])
    while memprof.get_stats().total_samples < last + 100:
        pass
    stats = memprof.get_stats()
    assert stats.total_samples == stats.live_samples + stats.freed_samples
    assert 0 <= stats.live_samples <= stats.total_samples
    assert last < stats.total_samples and stats.estimated_heap_bytes <= stats.peak_heap_bytes
    last = stats.total_samples
    memprof.stop()
done.set()
for thread in threads:
    thread.join()
del threads
stats, snapshot = memprof.get_stats(), memprof.get_snapshot()
own = snapshot.own
assert stats.live_samples == snapshot.live_samples + own.live_samples
assert snapshot.live_samples == len(snapshot.samples)
assert stats.total_samples == stats.live_samples + stats.freed_samples
own_bytes = own.fixed / _engine.BYTES_ONE
assert abs(stats.estimated_heap_bytes - snapshot.estimated_heap_bytes - own_bytes) <= 1
assert stats.estimated_heap_bytes == round(sum(s.estimated_bytes for s in snapshot.samples) + own_bytes)
