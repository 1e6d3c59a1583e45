import spprof.memprof as memprof
from asked_for import bytearray_size

SIZE = bytearray_size(77_777)


def refused(call, *arguments):
    before = memprof.is_active(), memprof.get_stats().sampling_rate_bytes
    try:
        call(*arguments)
    except RuntimeError as error:
        assert (memprof.is_active(), memprof.get_stats().sampling_rate_bytes) == before
        return str(error)
    raise AssertionError(call)


assert "start() first" in refused(memprof.stop)
assert "start() first" in refused(memprof.get_snapshot)
memprof.start(0)
assert "already running" in refused(memprof.start, 64)
held = bytearray(77_777)
assert [s.sampling_rate_bytes for s in memprof.get_snapshot().samples if s.size == SIZE] == [0]
memprof.stop()
assert "not running" in refused(memprof.stop)
memprof.start(64)
memprof.shutdown()
assert not memprof.is_active()
memprof.shutdown()
assert "shut down" in refused(memprof.start)
assert "not running" in refused(memprof.stop)
refused(memprof.MemoryProfiler().__enter__)
assert [s.size for s in memprof.get_snapshot().samples if s.size == SIZE] == [SIZE]
