"""Allocate from more stacks than the table holds. The environment sets the maxima of the tables.

evicted FOLDER   most blocks are freed again; saves an early and a late file
held FOLDER      all blocks are kept: no stack may be evicted
"""

import json
import sys

import spprof.memprof as memprof
from asked_for import bytearray_size

SIZE = 10_000
BLOCK = bytearray_size(SIZE)


def allocate(depth, path):
    """Allocate at the stack of this path. Each path is a separate stack: its bits choose between two lines."""
    if depth == 0:
        return bytearray(SIZE)
    if path >> depth & 1:
        return allocate(depth - 1, path)
    return allocate(depth - 1, path)


def from_stacks(numbers):
    return [allocate(12, number << 1) for number in numbers]


def other_code(number):
    scope = {}
    exec(compile(f"def f{number}(): return bytearray({SIZE})", f"made_{number}.py", "exec"), scope)
    return scope[f"f{number}"]()


def told(snapshot):
    stats = memprof.get_stats()
    totals = [sum(sample.values[column] for sample in snapshot.to_pprof().samples) for column in range(4)]
    return {
        "text": str(snapshot),
        "estimate": snapshot.estimated_heap_bytes,
        "interval": snapshot.heap_bytes_interval(),
        "allocated": totals[1],
        "samples": snapshot.total_samples,
        "evicted": stats.evicted_stacks,
        "folded_bytes": stats.folded_bytes,
        "unkept": stats.unkept_samples,
        "codes": stats.marked_codes,
        "thinned_rate": stats.thinned_rate_bytes,
        "lost_bytes": stats.lost_bytes,
    }


def main():
    what, folder = sys.argv[1:]
    memprof.start(0, native="off")
    kept = []
    if what == "evicted":
        from_stacks(range(40))
        early = memprof.get_snapshot()
        early.save(f"{folder}/early.pb.gz")
        for begin in range(40, 1000, 40):
            from_stacks(range(begin, begin + 40))
    elif what == "code":
        kept = [other_code(number) for number in range(300)]
    else:
        kept = from_stacks(range(1000))
    snapshot = memprof.get_snapshot()
    memprof.stop()
    snapshot.save(f"{folder}/late.pb.gz")
    snapshot.save(f"{folder}/late.html")
    print(json.dumps({**told(snapshot), "kept": len(kept) * BLOCK}))


main()
