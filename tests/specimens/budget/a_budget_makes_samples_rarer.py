"""Samples that cost more than the budget allows become rarer, and live memory is still estimated without bias."""

from spprof import memprof

RATE_KB = 1
BLOCK = 3000

memprof.start(RATE_KB, sampling_budget_percent=0.01, seed=7)
assert memprof.get_stats().sampling_budget_percent == 0.01
kept = []
while memprof.get_snapshot().sampling_rate_bytes < 16 * 1024:  # reached on every machine, however slow
    kept += [bytearray(BLOCK) for _ in range(1000)]
kept += [bytearray(BLOCK) for _ in range(20_000)]
memprof.stop()

snapshot, stats = memprof.get_snapshot(), memprof.get_stats()
assert stats.sampling_cost_ns > 100_000, stats
rates = {sample.sampling_rate_bytes for sample in snapshot.samples}
assert len(rates) > 1 and max(rates) > 8 * 1024, rates
low, high = snapshot.heap_bytes_interval(1 - 1e-7)
assert low <= len(kept) * BLOCK and len(kept) * (BLOCK + 100) <= high, (low, len(kept) * BLOCK, high)

snapshot.save("heap.pb.gz")
longest = snapshot.longest_rate_bytes
assert longest >= snapshot.sampling_rate_bytes >= 1024

del kept[:]
del snapshot
memprof.start(RATE_KB)
assert memprof.get_stats().sampling_rate_bytes == 1024
assert memprof.get_stats().sampling_budget_percent is None
memprof.stop()
later = memprof.get_snapshot()
room = later.heap_bytes_interval()[1] - later.estimated_heap_bytes
assert room >= 3.6 * longest - later.estimated_heap_bytes, "blocks may be live that were missed at the longest rate"
later.save("later.pb.gz")
print(longest)
