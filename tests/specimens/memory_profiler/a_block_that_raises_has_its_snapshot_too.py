import spprof.memprof as memprof
from of_memory import lengths

profiler = memprof.MemoryProfiler(0)
try:
    with profiler:
        held = bytearray(1_000_100)
        raise KeyError("mine")
except KeyError as error:
    assert error.args == ("mine",)
else:
    raise AssertionError("the block's exception was swallowed")
assert lengths(profiler.snapshot) == [1_000_100]
assert not memprof.is_active()
