import threading

import busy
import held

held.memprof.start(0)
threads = [threading.Thread(target=busy.everything) for _ in range(3)]
for thread in threads:
    thread.start()
busy.everything()
for thread in threads:
    thread.join()


def forever():
    while True:
        busy.everything()


threading.Thread(target=forever, daemon=True).start()
busy.everything()
stats = held.memprof.get_stats()
assert stats.total_samples > 20000, stats
print(sum(stats.dropped_samples.values()))
