"""150 000 blocks of one size, all allocated by one call."""

import spprof.memprof as memprof
from blocks import Family, allocate_blocks, live_sizes, pointers

COUNT, SIZE = 150_000, 2000
family, blocks = Family("malloc"), pointers(COUNT)


def hold():
    allocate_blocks(family, blocks, SIZE)


def counted():
    return live_sizes(memprof.get_snapshot(), "allocate_blocks", SIZE, SIZE)


def assert_nothing_dropped():
    stats = memprof.get_stats()
    assert not any(stats.dropped_samples.values()), stats
    assert stats.total_samples == stats.live_samples + stats.freed_samples, stats
