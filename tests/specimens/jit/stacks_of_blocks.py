"""Print which of warm.py's loops were compiled, what each chain of its functions holds, and what is wrong with the
stacks.
"""

import json

import warm
from anonymous import faults_of
from spprof import _engine, memprof

warm.run_all(20_000)
generated = [loop.__name__ for loop in warm.LOOPS if warm.is_generated(loop)]
memprof.start(0)
kept = warm.run_all(2_000)
snapshot = memprof.get_snapshot()
memprof.stop()

held = {}
for sample in snapshot.samples:
    chain = " < ".join(frame.function for frame in sample.stack if frame.file == warm.__file__)
    objects, size = held.get(chain, (0, 0))
    held[chain] = (objects + 1, size + sample.size)

stacks = [_engine.stack(stack_id) for stack_id in range(1, memprof.get_stats().unique_stacks + 1)]
leaves = [sample.stack[0].function for sample in snapshot.samples]
print(json.dumps([generated, sorted(held.items()), faults_of(stacks, leaves)]))
