"""The CPU profiler's results: samples, the profile that users hold, and how it becomes a ``pprof.Profile``."""
