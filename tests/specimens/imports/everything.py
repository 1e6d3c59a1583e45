"""Everything that the package does for a program, in one function: ``use(folder)``. Importing this imports spprof."""

from __future__ import annotations

import os

import spprof
import spprof.estimate
import spprof.memprof as memprof

FORMATS = ("pprof", "speedscope", "collapsed", "html")


@spprof.profile
def plain() -> int:
    return 1


@spprof.profile(interval_ms=1)
def generator():
    yield 1


@spprof.profile
async def coroutine() -> int:
    return 1


def use(folder: str) -> None:
    """Start, inspect and save everything, and stop; the files go to ``folder``."""
    spprof.start(output_path=os.path.join(folder, "at_stop.html"))
    memprof.start(0, native="off")
    kept = [bytearray(100) for _ in range(1000)]
    spprof.is_active(), spprof.stats(), memprof.is_active(), memprof.get_stats()
    snapshot = memprof.get_snapshot()
    later = memprof.get_snapshot()
    del kept
    memprof.stop()
    profile = spprof.stop()
    look_at(snapshot, later, profile)
    for result, name in ((snapshot, "heap"), (profile, "cpu")):
        for form in FORMATS:
            result.save(os.path.join(folder, f"{name}.{form}"), form)
    with memprof.MemoryProfiler(0, native="off") as block:
        bytearray(100)
    with spprof.Profiler(output_path=os.path.join(folder, "block.json")) as timed:
        sum(range(1000))
    str(block.snapshot), str(timed.profile)
    plain(), list(generator())
    try:
        coroutine().send(None)
    except StopIteration:
        pass
    str(plain.profile), str(generator.profile), str(coroutine.profile)
    memprof.shutdown()


def look_at(snapshot, later, profile) -> None:
    """Use every way of reading results."""
    str(snapshot), repr(snapshot), snapshot._repr_html_(), snapshot.samples, snapshot.top_allocators()
    later.compare(snapshot), snapshot.heap_bytes_interval(0.9), snapshot.frame_pointer_health
    str(profile), repr(profile), profile._repr_html_(), profile.samples, profile.top_functions(), profile.aggregate()
    profile.threads, spprof.estimate.normal_quantile(0.5)
    hash(snapshot.samples[0]), repr(snapshot.samples[0]), snapshot.samples[0] == snapshot.samples[1]
