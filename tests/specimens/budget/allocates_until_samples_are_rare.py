"""Allocate until the profiler's budget has made samples rarer."""

from spprof import memprof

while memprof.get_stats().sampling_rate_bytes <= 64 * 1024:
    blocks = [bytearray(1000) for _ in range(10_000)]
