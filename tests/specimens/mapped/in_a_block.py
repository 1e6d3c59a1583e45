"""A MemoryProfiler's snapshot contains everything mapped in its block. With native="off", no mapping is tracked."""

import mmap
import sys

import spprof.memprof as memprof

SIZE = 50 * mmap.PAGESIZE * 8


def sizes(taken):
    return [one.size for one in taken.mappings]


with memprof.MemoryProfiler(0):
    before = mmap.mmap(-1, SIZE)
with memprof.MemoryProfiler(0) as profiler:
    inside = mmap.mmap(-1, 2 * SIZE)
assert sizes(profiler.snapshot) == [2 * SIZE], profiler.snapshot.mappings
memprof.start(0, native="off")
taken = memprof.get_snapshot()
assert taken.mappings == () and taken.top_mappings() == []
taken.save(sys.argv[1])
