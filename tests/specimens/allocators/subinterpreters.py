import sys
import threading

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

import spprof.memprof as memprof
from asked_for import bytearray_size

NATIVE = sys.argv[1]


ALLOCATE = """if True:
    blocks = [bytearray(4320) for _ in range(200)]
    small = [b"%418d" % number for number in range(200)]
    for _ in range(50):
        churn = [bytearray(number) for number in range(0, 1500, 7)]
"""
FORGET = "del blocks, small, churn"


def counts():
    snapshot = memprof.get_snapshot()
    sizes = [record[1] for record in snapshot.records()]
    return sizes.count(bytearray_size(4320)), sizes.count(sys.getsizeof(b"%418d" % 0))


def in_all(program):
    threads = [threading.Thread(target=interpreters.run_string, args=(name, program)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


memprof.start(0, native=NATIVE)
before = counts()
names = [interpreters.create() for _ in range(3)]
in_all(ALLOCATE)
assert counts() == (before[0] + 600, before[1] + 600), (before, counts())
in_all(FORGET)
assert counts() == before, (before, counts())
memprof.stop()
memprof.start(1, native=NATIVE)
in_all(ALLOCATE)
in_all(FORGET)
in_all(ALLOCATE)
for name in names:
    interpreters.destroy(name)
left = counts()
assert left[0] == before[0], (before, left)
stats = memprof.get_stats()
assert stats.collisions == 0 and not any(stats.dropped_samples.values()), stats
