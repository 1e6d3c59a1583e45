import spprof.memprof as memprof

profiler = memprof.MemoryProfiler()
with profiler:
    pass
profiler.snapshot
with profiler:
    try:
        profiler.snapshot
    except RuntimeError:
        pass
    else:
        raise AssertionError("the snapshot of the block before")
