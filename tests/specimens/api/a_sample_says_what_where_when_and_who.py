import threading
import time

import spprof.memprof as memprof
from asked_for import bytearray_size
from of_memory import python_frames

SIZE = bytearray_size(1_000_100)


def hold():
    return bytearray(1_000_100)


def call():
    return hold()


found = {}


def work():
    found["thread"] = threading.get_native_id()
    found["block"] = call()


memprof.start(0)
before = time.time_ns()
thread = threading.Thread(target=work)
thread.start()
thread.join()
after = time.time_ns()
snapshot = memprof.get_snapshot()
memprof.stop()
(sample,) = [sample for sample in snapshot.samples if sample.size == SIZE]
assert (sample.estimated_bytes, sample.estimated_objects, sample.sampling_rate_bytes) == (SIZE, 1, 0)
assert sample.thread_id == found["thread"]
# The clocks are read one after the other, and may be set in between. A second is far more than both effects.
assert before - 10**9 <= sample.timestamp_ns <= after + 10**9
assert before <= snapshot.timestamp_ns <= time.time_ns()
leaf = python_frames(sample.stack)[:3]
assert [frame.function.rpartition(".")[2] for frame in leaf] == ["hold", "call", "work"]
assert [frame.line for frame in leaf] == [12, 16, 24], sample.stack
assert {frame.file for frame in leaf} == {__file__}
assert all(frame.is_python == (frame.address == 0) for frame in sample.stack)
