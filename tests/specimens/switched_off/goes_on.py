"""A program that uses both profilers in every way, and prints the results."""

from __future__ import annotations

import sys

import spprof
import spprof.memprof as memprof


@spprof.profile
def decorated() -> int:
    return 3


def outer() -> int:
    with spprof.Profiler():
        return decorated()


memprof.start()
memprof.start(64)
spprof.start(output_path="at_stop.pb.gz")
print(memprof.is_active(), spprof.is_active())
kept = [bytearray(1000) for _ in range(5000)]
snapshot = memprof.get_snapshot()
print(snapshot.live_samples, snapshot.total_samples, snapshot.estimated_heap_bytes, len(snapshot.samples))
print(memprof.get_stats().total_samples, spprof.stats().collected_samples, memprof.get_snapshot().compare(snapshot))
for name in ("heap.pb.gz", "heap.html", "heap.json", "heap.txt"):
    snapshot.save(name)
print(spprof.stop().total_ns, spprof.stop().sample_count)
memprof.stop()
memprof.stop()
with memprof.MemoryProfiler(0) as block:
    kept.append(bytearray(10_000_000))
print(block.snapshot.live_samples, block.snapshot.total_samples)
with spprof.Profiler(output_path="block.json") as timed:
    sum(range(1000))
print(timed.profile.sample_count, outer(), decorated(), decorated.profile.sample_count)
for wrong in (lambda: memprof.start(-1), lambda: spprof.start(0), lambda: spprof.start(output_path="x.nothing")):
    try:
        wrong()
    except ValueError:
        print("ValueError")
spprof.start(output_path="at_exit.html")
sys.exit(7)
