import os

import spprof
from of_cpu import busy, count

profiler = spprof.Profiler(1, output_path="x.txt")
try:
    profiler.profile
except RuntimeError as error:
    assert "after the block" in str(error)


def first_block():
    busy()
    raise KeyError


def second_block():
    busy()


try:
    with profiler as same:
        assert same is profiler and spprof.is_active()
        first_block()
except KeyError:
    pass
first = profiler.profile
assert count(first, "first_block") >= 5 and os.path.exists("x.txt")
with profiler:
    second_block()
assert count(profiler.profile, "second_block") >= 5 and count(profiler.profile, "first_block") == 0
with profiler:
    busy()
    stopped = spprof.stop()
assert profiler.profile.sampled_ns == stopped.sampled_ns > 0
