"""The CPU profiler's results: samples, the profile that users hold, and its conversion to a ``pprof.Profile``."""
