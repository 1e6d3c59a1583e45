"""Keep snapshots, files of every format and the page. None of them, nor any block of ours, is in a later snapshot."""

import os
import sys

import spprof
import spprof.memprof as memprof
from spprof import _engine

FOLDER = os.path.dirname(spprof.__file__)

memprof.start(0)
theirs = [bytearray(10_000) for _ in range(10)]
kept = [memprof.get_snapshot() for _ in range(5)]
for number, snapshot in enumerate(kept):
    assert snapshot.samples and str(snapshot) and snapshot.compare(kept[0]) is not None
    snapshot.save(sys.argv[1] + (".pb.gz", ".json", ".txt", ".html", ".collapsed")[number])
memprof.stop()
pairs = [(memprof.get_snapshot(), memprof.get_stats()) for _ in range(5)]
snapshot, stats = pairs[-1]  # temporary objects, such as those of the calls, are gone
innermost = [next(frame for frame in one.stack if frame.is_python) for one in snapshot.samples]
ours = [frame for frame in innermost if frame.file.startswith(FOLDER)]
assert ours == [], ours[:5]
assert not [row for row in snapshot.top_allocators(10_000) if row["file"].startswith(FOLDER)]
assert snapshot.profiler_bytes > 50_000, "samples are objects, and each has a few"
assert snapshot.estimated_heap_bytes == sum(one.size for one in snapshot.samples)
assert len(snapshot.samples) == snapshot.live_samples
assert stats.live_samples == snapshot.live_samples + snapshot.own.live_samples
assert stats.total_samples == snapshot.total_samples + snapshot.own.total_samples
assert stats.estimated_heap_bytes == snapshot.estimated_heap_bytes + snapshot.own.fixed // _engine.BYTES_ONE
assert snapshot.peak_heap_bytes == stats.peak_heap_bytes
assert "the profiler itself holds" in str(snapshot)
assert len(theirs) == 10
