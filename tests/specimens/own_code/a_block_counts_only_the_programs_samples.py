"""A MemoryProfiler's totals leave out what the profiler did before, inside and after its block."""

import spprof.memprof as memprof

with memprof.MemoryProfiler(0) as profiler:
    first = [memprof.get_snapshot() for _ in range(3)]
    for snapshot in first:
        assert snapshot.samples is not None
with memprof.MemoryProfiler(0) as profiler:
    inside, gone = bytearray(1_000_200), bytearray(1_000_300)
    del gone
    second = memprof.get_snapshot()
snapshot = profiler.snapshot
profile = snapshot.to_pprof()
allocated = sum(sample.values[1] for sample in profile.samples)
assert 2 <= snapshot.total_samples <= 100, snapshot.total_samples
assert 1_000_201 <= snapshot.estimated_heap_bytes <= 1_010_000
assert 2_000_502 <= allocated <= 2_020_000, allocated
assert min(value for sample in profile.samples for value in sample.values) >= 0
