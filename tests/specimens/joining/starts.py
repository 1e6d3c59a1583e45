"""Start and stop the profilers in every way, in a program that may be profiled already. Print the results."""

from __future__ import annotations

import os
import sys
import warnings

import spprof
from spprof import memprof

if len(sys.argv) > 1:
    warnings.simplefilter("error")

kept: list[bytes] = []


def hold(count: int) -> None:
    for _ in range(count):
        kept.append(b"x" * 1_000_000)


def spend() -> None:
    number = 2_000_000
    while number:
        number -= 1


for _ in range(2):
    memprof.start(64)
    hold(20)
    memprof.stop()
print("heap", memprof.is_active(), memprof.get_snapshot().live_samples > 10)

with memprof.MemoryProfiler(64) as block:
    hold(30)
    gone = [b"x" * 1_000_000 for _ in range(10)]
    del gone
mebibytes = block.snapshot.estimated_heap_bytes / 2**20
print("block", 15 < mebibytes < 43, block.snapshot.window_peak.sample_count > 10, memprof.is_active())

for _ in range(2):
    spprof.start(1, output_path="own.pb.gz")
    spend()
    profile = spprof.stop()
print("time", spprof.is_active(), profile.sample_count > 0, os.path.exists("own.pb.gz"))

with spprof.Profiler(1) as profiler:
    spend()
print("block", profiler.profile.sample_count > 0, "spend" in str(profiler.profile))


@spprof.profile(interval_ms=1, output_path="function.pb.gz")
def recursive(depth: int) -> int:
    """All calls except the outermost one run without a profile."""
    spend()
    return recursive(depth - 1) + 1 if depth else 0


@spprof.profile(interval_ms=1)
def steps():  # type: ignore[no-untyped-def]
    spend()
    yield 1


print("function", recursive(3), recursive.profile.sample_count > 0, os.path.exists("function.pb.gz"))
print("generator", list(steps()), steps.profile.sample_count > 0)
memprof.shutdown()
for wrong in ({"sampling_rate_kb": -1}, {"native": "x"}, {"seed": -1}):
    try:
        memprof.start(**wrong)
    except ValueError:
        print("ValueError")
print("end", memprof.is_active(), spprof.is_active())
