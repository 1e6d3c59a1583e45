"""A MemoryProfiler's totals omit the profiler's own work before, inside and after its block."""

import spprof.memprof as memprof
from asked_for import bytearray_size

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
assert bytearray_size(1_000_200) <= snapshot.estimated_heap_bytes <= 1_010_000
assert bytearray_size(1_000_200) + bytearray_size(1_000_300) <= allocated <= 2_020_000, allocated
assert min(value for sample in profile.samples for value in sample.values) >= 0
