"""A series of a program that allocates and frees at random. For each snapshot, there is a plain one from the same time.

random_changes.py FOLDER STEPS KEEP SEED PER_STEP
"""

import mmap
import os
import random
import sys

import spprof.memprof as memprof
from spprof.serve.series import Series

FOLDER, STEPS, KEEP, SEED, PER_STEP = sys.argv[1], *map(int, sys.argv[2:])
FUNCTIONS = 40

names = {}
for number in range(FUNCTIONS):
    exec(f"def site_{number}(size):\n    return bytearray(size)", names)
draw = random.Random(SEED)
held = []


def through(function, size):
    return function(size)


def step():
    """At the start, the heap is briefly larger than it will be while snapshots are written, so the peak does not move
    in between.
    """
    spike = [names["site_0"](300_000) for _ in range(draw.randrange(100, 140))]
    del spike
    for _ in range(PER_STEP):
        if held and draw.random() < 0.5:
            held.pop(draw.randrange(len(held)))
        function = names[f"site_{draw.randrange(FUNCTIONS)}"]
        size = draw.choice([200, 3000, 40_000, 300_000])
        held.append(function(size) if draw.random() < 0.5 else through(function, size))
    if draw.random() < 0.2:
        held.append(mmap.mmap(-1, 1 << 20))


memprof.start(16, seed=SEED)
series = Series(os.path.join(FOLDER, "one.1"), KEEP, lambda snapshot: snapshot)
for number in range(STEPS):
    step()
    series.write({})
    memprof.get_snapshot().save(os.path.join(FOLDER, f"plain-{number}.pb.gz"))
memprof.stop()
