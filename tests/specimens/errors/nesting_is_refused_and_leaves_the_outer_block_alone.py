import spprof.memprof as memprof
from asked_for import bytearray_size

outer = memprof.MemoryProfiler(0)
with outer:
    held = bytearray(1_000_100)
    for inner in (memprof.MemoryProfiler(0), outer):
        try:
            with inner:
                raise AssertionError("entered")
        except RuntimeError as error:
            assert "already running" in str(error), error
    try:
        outer.snapshot
    except RuntimeError as error:
        assert "after the block" in str(error), error
    else:
        raise AssertionError("there is no snapshot yet")
    assert memprof.is_active()
assert bytearray_size(1_000_100) in [sample.size for sample in outer.snapshot.samples]
