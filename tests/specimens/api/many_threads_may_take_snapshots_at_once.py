import threading

import spprof.memprof as memprof
from asked_for import bytearray_size
from of_memory import python_frames


def distinct(number):
    scope = {}
    exec(compile(f"def f{number}(): return bytearray(1_000_{number})", f"file{number}.py", "exec"), scope)
    return scope[f"f{number}"]


functions = [distinct(number) for number in range(100, 200)]
memprof.start(0)
held = [function() for function in functions]
memprof.stop()
barrier = threading.Barrier(6)
found = []


def look():
    barrier.wait()
    snapshot = memprof.get_snapshot()
    found.append({sample.size: sample.stack for sample in snapshot.samples if sample.size >= 1_000_000})


threads = [threading.Thread(target=look) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(found) == 6
for stacks in found:
    assert {size: python_frames(stack)[0].function for size, stack in stacks.items()} == {
        bytearray_size(1_000_000 + number): f"f{number}" for number in range(100, 200)
    }
    assert all(stacks[size] is found[0][size] for size in stacks)
