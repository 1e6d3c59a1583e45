"""A MemoryProfiler's peak is that of its block; the process's peak continues independently."""

from spprof import memprof

with memprof.MemoryProfiler(0) as first:
    large = bytearray(20_000_000)
    del large
with memprof.MemoryProfiler(0) as second:
    small = bytearray(3_000_000)
    del small
assert 20_000_000 < first.snapshot.peak.estimated_heap_bytes < 21_000_000
assert 3_000_000 < second.snapshot.peak.estimated_heap_bytes < 4_000_000
assert second.snapshot.peak_heap_bytes > 20_000_000
assert memprof.get_snapshot().peak.estimated_heap_bytes > 20_000_000
