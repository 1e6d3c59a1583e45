import spprof.memprof as memprof
from asked_for import BESIDE_A_BYTEARRAY


def hold(size):
    return bytearray(size - BESIDE_A_BYTEARRAY)


def sizes():
    return [s.size for s in profiler.snapshot.samples if s.size in (60_000, 60_001, 60_002, 60_003)]


profiler = memprof.MemoryProfiler(0)
with profiler:
    first = hold(60_000)
    gone = hold(60_003)
    del gone
assert sizes() == [60_000] and not memprof.is_active()
memprof.start(0)
between = hold(60_001)
memprof.stop()
try:
    with profiler:
        second = hold(60_002)
        try:
            with memprof.MemoryProfiler(0):
                raise AssertionError("they do not nest")
        except RuntimeError as error:
            assert "already running" in str(error)
        assert memprof.is_active()
        raise KeyError("of the block")
except KeyError:
    pass
assert sizes() == [60_002] and not memprof.is_active()
with profiler:
    del second
assert sizes() == []
