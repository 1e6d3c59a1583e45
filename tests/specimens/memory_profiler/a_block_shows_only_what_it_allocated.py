import spprof.memprof as memprof
from of_memory import lengths

memprof.start(0)
earlier = bytearray(1_000_100)
memprof.stop()
before = memprof.get_stats().total_samples
with memprof.MemoryProfiler(0) as profiler:
    assert memprof.is_active()
    inside, gone = bytearray(1_000_200), bytearray(1_000_300)
    del gone
assert not memprof.is_active()
later = bytearray(1_000_400)
del inside
snapshot = profiler.snapshot
assert lengths(snapshot) == [1_000_200]
assert before > 0
assert 2 <= snapshot.total_samples <= memprof.get_stats().total_samples - before
assert 1_000_200 < snapshot.estimated_heap_bytes < 1_010_000
assert lengths(memprof.get_snapshot()) == [1_000_100]
