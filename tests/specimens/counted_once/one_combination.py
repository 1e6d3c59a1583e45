import json
import math
import mmap
import struct
import sys
import tracemalloc

import spprof.memprof as memprof
from spprof import _engine
from spprof.analysis.sites import site_frame

case = json.loads(sys.argv[1])


def small_objects(count):
    return [number.to_bytes(60, "little") for number in range(count)]


def large_array():
    return numpy.arange(12_500_000.0)


# The size distinguishes our blocks from those that tracemalloc allocates for itself at the same line.
def totals(snapshot, size):
    ours = ("small_objects", "small_objects.<locals>.<listcomp>", "<listcomp>", "large_array")
    live = [s for s in snapshot.samples if s.size == size and site_frame(s.stack).function in ours]
    p = [1 - math.exp(-size / s.sampling_rate_bytes) for s in live]
    return sum(s.estimated_bytes for s in live), sum((1 - q) * (size / q) ** 2 for q in p), len(live)


def ring():
    return mmap.mmap(-1, RING_BYTES)


# Totals of ring()'s mappings and of all other listed ones. Mappings of other allocators are counted as blocks.
def mapped_totals():
    packed, stacks = _engine.mappings()
    rings = others = 0
    for mapping in struct.iter_unpack(_engine.MAPPING_FORMAT, packed):
        words = struct.unpack(f"={len(stacks[mapping[2]][0]) // 8}Q", stacks[mapping[2]][0])
        functions = [_engine.code(word)[0] for word in words if word >> 63]
        if functions[:1] == ["ring"]:
            rings += mapping[1]
        else:
            others += mapping[1]
    return rings, others


RING_BYTES = 50_000_000

if case["numpy"] == "before":
    import numpy
if case["tracemalloc"] in ("before", "around"):
    tracemalloc.start()
memprof.start(64, native=case["native"], seed=7)
if case["tracemalloc"] == "before":
    tracemalloc.stop()
    memprof.get_snapshot()
if case["tracemalloc"] == "after":
    tracemalloc.start()
    tracemalloc.stop()
    memprof.get_snapshot()
if case["tracemalloc"] == "above":
    tracemalloc.start()
import numpy

_, mapped_by_import = mapped_totals()
small = small_objects(1_000_000)
# By the time it reaches malloc, a block includes the three words that the debug layer above adds.
around = 24 if case["malloc"] == "malloc_debug" else 0
size = sys.getsizeof(small[0]) + around
truth = size * len(small)
array = large_array()
rings = [ring(), ring()]
mapped, mapped_beside = mapped_totals()
rings.pop().close()
mapped_then, _ = mapped_totals()
snapshot = memprof.get_snapshot()
small_bytes, small_variance, small_samples = totals(snapshot, size)
# Some versions of numpy allocate arrays in Python's RAW domain, which also has the debug layer below it.
array_size = array.nbytes if totals(snapshot, array.nbytes)[2] else array.nbytes + 24
array_bytes = totals(snapshot, array_size)[0]
del small, array, snapshot
left = memprof.get_snapshot()
rest = totals(left, size)[2] + totals(left, array_size)[2]
stats = memprof.get_stats()
print(
    json.dumps(
        {
            "small": small_bytes / truth,
            "deviations": (small_bytes - truth) / max(small_variance, 1) ** 0.5,
            "array": array_bytes / 100e6,
            "left": rest,
            "mapped": mapped / (2 * RING_BYTES),
            "mapped_then": mapped_then / RING_BYTES,
            "mapped_beside": mapped_beside - mapped_by_import,
            "mode": stats.native_mode,
            "missed": stats.collisions,
            "samples": small_samples,
        }
    )
)
