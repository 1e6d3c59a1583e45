import spprof.memprof as memprof
from of_memory import sizes

profiler = memprof.MemoryProfiler(0)
try:
    with profiler:
        held = bytearray(1_000_100)
        raise KeyError("mine")
except KeyError as error:
    assert error.args == ("mine",)
else:
    raise AssertionError("the block's exception was swallowed")
assert sizes(profiler.snapshot) == [1_000_101]
assert not memprof.is_active()
