import threading
import time

import spprof


def use():
    end = time.thread_time_ns() + 5_000_000
    while time.thread_time_ns() < end:
        pass


before = time.process_time_ns()
spprof.start(interval_ms=1000)
idle, go = threading.Thread(target=lambda: go.wait()), threading.Event()
idle.start()
for _ in range(20):
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
profile = spprof.stop()
used = time.process_time_ns() - before
go.set()
assert 14 <= profile.short_threads <= 20, profile.short_threads
told = [sample for sample in profile.samples if sample.thread_id != threading.main_thread().native_id]
assert 14 * 5_000_000 <= sum(sample.weight_ns for sample in told) <= used, told
assert profile.process_ns <= used
if told[-1].frames[0].function == "<threads too short to sample>":  # otherwise, one thread was sampled
    assert f"{profile.short_threads} threads were too short to sample" in str(profile)
