import spprof.memprof as memprof

profiler = memprof.MemoryProfiler()
with profiler:
    pass
snapshot = profiler.snapshot
memprof.start()
try:
    profiler.__enter__()
except RuntimeError:
    pass
assert profiler.snapshot is snapshot
