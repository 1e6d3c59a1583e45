import threading

import spprof.memprof as memprof
from asked_for import bytearray_size


def churn():
    while not done.is_set():
        kept[:] = [bytearray(number) for number in range(0, 5000, 50)]
        running.set()


done, running, kept = threading.Event(), threading.Event(), []
memprof.start(0)
threads = [threading.Thread(target=churn, daemon=True) for _ in range(4)]
for thread in threads:
    thread.start()
running.wait()
block = bytearray(33_333)
memprof.shutdown()
before = memprof.get_stats()
del block
running.clear()
running.wait()
done.set()
for thread in threads:
    thread.join()
after = memprof.get_stats()
assert before == after, (before, after)
assert [s.size for s in memprof.get_snapshot().samples].count(bytearray_size(33_333)) == 1
