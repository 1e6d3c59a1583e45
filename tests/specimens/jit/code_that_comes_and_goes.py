"""Functions that are created, run until the JIT has compiled them, and die with their code, while both profilers are
on. Prints how many functions were compiled, and which stacks are wrong.
"""

import json

import spprof
from anonymous import faults_of
from spprof import _engine, memprof
from warm import is_generated

SOURCE = """
def made(count):
    kept = []
    for number in range(count):
        kept.append([number, "%s"])
    return kept
"""

memprof.start(16)
spprof.start(interval_ms=1, native=True)
generated = 0
for turn in range(300):
    names = {}
    exec(SOURCE % turn, names)
    names["made"](6_000)
    generated += is_generated(names["made"])
    del names
stats = memprof.get_stats()
spprof.stop()
memprof.stop()
stacks = [_engine.stack(stack_id) for stack_id in range(1, stats.unique_stacks + 1)]
print(json.dumps([generated, faults_of(stacks, [])]))
