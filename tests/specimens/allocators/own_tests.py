import sys
import unittest

NATIVE = sys.argv[1]
RATE = int(sys.argv[2]) if len(sys.argv) > 2 else None

if RATE is not None:
    import spprof.memprof as memprof

    memprof.start(RATE, native=NATIVE)
names = ["test.test_list", "test.test_dict", "test.test_memoryview"]
suite = unittest.defaultTestLoader.loadTestsFromNames(names)
result = unittest.TextTestRunner(stream=open("output.txt", "w")).run(suite)
bad = sorted(str(test) for test, _ in result.failures + result.errors)
print(result.testsRun, len(result.skipped), bad)
if RATE is not None:
    memprof.get_snapshot()
    stats = memprof.get_stats()
    assert stats.total_samples > 1000 // (RATE or 1)
    assert stats.collisions == 0 and not any(stats.dropped_samples.values()), stats
