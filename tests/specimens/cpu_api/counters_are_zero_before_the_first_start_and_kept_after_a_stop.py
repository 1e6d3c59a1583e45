import spprof
from of_cpu import busy

stats = spprof.stats()
assert not stats.is_active
assert (stats.collected_samples, stats.sampled_ns, stats.process_ns, stats.duration_ns) == (0, 0, 0, 0)
assert (stats.overhead_percent, stats.dropped_count) == (0.0, 0)
spprof.start(2)
busy()
stats = spprof.stats()
assert stats.is_active and stats.interval_ms == 2.0 and stats.mode == "cpu" and stats.ticks == "timer"
assert stats.collected_samples >= 5 and stats.threads == 1
assert 0 < stats.overhead_ns < stats.process_ns
assert 0 < stats.overhead_percent < 100
profile = spprof.stop()
stats = spprof.stats()
assert (stats.collected_samples, stats.dropped_samples) == (profile.sample_count, profile.dropped)
assert (stats.process_ns, stats.sampled_ns) == (profile.process_ns, profile.sampled_ns)
assert set(stats.dropped_samples) >= {"in_engine", "torn", "no_memory", "stack_table_full"}
