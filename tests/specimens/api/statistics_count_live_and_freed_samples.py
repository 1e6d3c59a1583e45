import spprof.memprof as memprof

memprof.start(0)
held = [bytearray(10_000) for _ in range(100)]
gone = bytearray(5_000_000)
del gone
memprof.stop()
stats = memprof.get_stats()
snapshot = memprof.get_snapshot()
assert stats.total_samples == stats.live_samples + stats.freed_samples
assert stats.total_samples == snapshot.total_samples + snapshot.own.total_samples
assert stats.freed_samples >= 1 and stats.live_samples >= 200
assert 100 * 10_001 < stats.estimated_heap_bytes < 100 * 10_001 + 100_000
assert stats.peak_heap_bytes >= stats.estimated_heap_bytes + 5_000_001 - 100_000
assert snapshot.peak_heap_bytes == stats.peak_heap_bytes
assert stats.unique_stacks >= 2
assert 0 < stats.heap_map_load_percent < 1
assert stats.collisions == 0
assert set(stats.dropped_samples) == {
    "live_table_full",
    "stack_table_full",
    "code_table_full",
    "out_of_memory",
    "hook_displaced",
    "pending_frees_full",
}
assert set(stats.dropped_samples.values()) == {0}
before = stats.freed_samples
held.clear()
assert memprof.get_stats().freed_samples >= before + 200
