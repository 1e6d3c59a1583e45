"""Print whether the work was compiled, how many ticks were torn, and what is wrong with the other stacks."""

import json
import struct

import spprof
import warm
from anonymous import faults_of
from spprof import _engine

TICKS = 400

warm.run_numbers(20_000)
spprof.start(interval_ms=1, native=True)
while spprof.stats().collected_samples < TICKS:
    warm.run_numbers(20_000)
    warm.run_all(200)
stacks = [
    (struct.unpack(f"={len(words) // 8}Q", words), cut, truncated)
    for *_, words, cut, truncated in _engine.cpu_profile()[4]
]
torn = spprof.stats().dropped_samples["torn"]
profile = spprof.stop()
leaves = [stack.frames[0].function for stack in profile.aggregate()]
print(json.dumps([warm.is_generated(warm.sum_of_squares), torn, faults_of(stacks, leaves)]))
