import os

import spprof
from of_cpu import busy, count


@spprof.profile
def bare(samples, *, answer):
    "Documented."
    busy(samples)
    return answer


@spprof.profile(2, mode="wall", output_path="x.json")
def given():
    busy()
    raise KeyError


assert (bare.__name__, bare.__doc__, bare.profile) == ("bare", "Documented.", None)
assert bare(5, answer=42) == 42
assert count(bare.profile, "bare") >= 5
assert bare.profile.interval_ms == 10
try:
    given()
except KeyError:
    pass
assert (given.profile.mode, given.profile.interval_ms) == ("wall", 2.0)
assert count(given.profile, "given") >= 5 and os.path.exists("x.json")
