"""Leak in one function, churn in another, and print as JSON what a series of snapshots reports about both.

Every block is sampled.
"""

import json

from spprof import memprof

registry = []


def leak():
    for _ in range(20):
        registry.append(bytes(2000))


def churn():
    held = []
    for _ in range(50):
        held.append(bytes(3000))
    return held


CHURNING = churn.__code__.co_firstlineno + 3
"""Return the line that allocates the blocks. Python may keep the preceding range object for reuse."""

memprof.start(0)
snapshots = []
for _ in range(24):
    leak()
    held = churn()
    snapshots.append(memprof.get_snapshot())
found = {}
for one in sorted(memprof.growth(snapshots[::-1]), key=lambda one: -abs(one.bytes_per_second)):
    if one.function != "churn" or one.line == CHURNING:
        found.setdefault(one.function, one)  # the line of a function that changes the most
rates = {name: [found[name].low, found[name].bytes_per_second, found[name].high] for name in ("leak", "churn")}
freed = {name: [share for _, share in found[name].freed_shares] for name in ("leak", "churn")}
seconds = (snapshots[-1].timestamp_ns - snapshots[0].timestamp_ns) / 1e9
print(json.dumps({"rates": rates, "freed": freed, "seconds": seconds}))
