"""For ``spprof run``: a program that does not use the profiler, and drops most of what it has loaded."""

filled = [bytes(4000) for _ in range(16_384)]
kept = filled[::16]
del filled
