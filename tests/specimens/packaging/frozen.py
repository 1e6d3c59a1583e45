"""A program to freeze: it profiles itself and saves in every format, or, with "cli", acts as spprof's command line."""

from __future__ import annotations

import sys

import spprof
import spprof.memprof as memprof


def profile_and_save() -> None:
    memprof.start(64)
    spprof.start(1)
    kept = [bytearray(1000) for _ in range(30_000)]
    sum(number * number for number in range(3_000_000))
    snapshot, profile = memprof.get_snapshot(), spprof.stop()
    for name in ("heap.pb.gz", "heap.json", "heap.txt", "heap.html"):
        snapshot.save(name)
    profile.save("cpu.pb.gz")
    profile.save("cpu.html")
    del kept
    print(memprof.get_stats().native_mode, profile.sample_count > 0, snapshot.live_samples > 0)
    print(len(snapshot._repr_html_()) > 10_000, snapshot.top_allocators(1)[0]["file"])


if sys.argv[1:2] == ["cli"]:
    from spprof.cli.main import main

    sys.exit(main(sys.argv[2:]))
profile_and_save()
