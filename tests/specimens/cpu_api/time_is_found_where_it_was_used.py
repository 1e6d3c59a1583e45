import os
import sys
import time

import spprof
from of_cpu import busy, count


def one():
    busy(20)


def other():
    busy(10)


before = time.time()
assert not spprof.is_active()
assert spprof.start(interval_ms=1) is None
assert spprof.is_active()
one()
other()
profile = spprof.stop()
assert not spprof.is_active()
assert count(profile, "one") >= 20 and count(profile, "other") >= 10
assert count(profile, "<module>") == profile.sample_count
assert sum(sample.weight_ns for sample in profile.samples) == profile.total_ns <= profile.process_ns
assert before <= profile.start_time < profile.end_time <= time.time()
for sample in profile.samples:
    assert before * 1e9 < sample.timestamp_ns < time.time_ns() and sample.weight_ns > 0
    assert (sample.thread_id, sample.thread_name) == (os.getpid(), "MainThread")
stacks = {tuple(frame.function for frame in sample.frames) for sample in profile.samples}
assert {stack for stack in stacks if {"busy", "other"} <= {*stack}} == {("busy", "other", "<module>")}, stacks
assert (profile.interval_ms, profile.mode, profile.native, profile.ticks) == (1.0, "cpu", False, "timer")
assert (profile.python_version, profile.platform[:6]) == (sys.version.split()[0], "Linux-")
dropped = profile.dropped
assert profile.dropped_count == sum(dropped.values()) == dropped["in_engine"] <= 2, dropped  # in start and stop
