"""The heap profiler's results: samples, the snapshot that users hold, and how it becomes a ``pprof.Profile``."""
