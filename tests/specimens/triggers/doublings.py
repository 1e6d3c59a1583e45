"""Fill memory step by step, and print at each step what a trigger on RSS has written. The parent may then kill it."""

import json
import os
import sys
import time

import spprof
import spprof.memprof as memprof
from spprof.process import numbers

FOLDER, FIRST, STEPS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def fill(size):
    held.append(b"x" * size)


memprof.start(256)
trigger = spprof.trigger(folder=FOLDER, when_rss=FIRST)
held = []
for step in range(STEPS):
    mark = FIRST << step
    fill(mark - numbers.resident() - (16 << 20))
    assert trigger.written == step, "it is not there yet"
    fill(20 << 20)
    while trigger.written <= step:
        time.sleep(0.01)
    print(json.dumps([trigger.written, sorted(os.listdir(FOLDER)), trigger.last_path]), flush=True)
    if not sys.stdin.readline():
        break
trigger.stop()
