import threading

import spprof.memprof as memprof

memprof.start(0)
done = threading.Event()


def churn():
    while not done.is_set():
        blocks = [bytearray(2000) for _ in range(50)]


threads = [threading.Thread(target=churn) for _ in range(3)]
for thread in threads:
    thread.start()
try:
    snapshots = [memprof.get_snapshot() for _ in range(30)]
finally:
    done.set()
    for thread in threads:
        thread.join()
memprof.stop()  # otherwise the samples would be sampled too
for snapshot in snapshots:
    assert len(snapshot.samples) == snapshot.live_samples > 0
    assert sum(sample.size for sample in snapshot.samples) == snapshot.estimated_heap_bytes
    assert snapshot.peak_heap_bytes >= snapshot.estimated_heap_bytes
