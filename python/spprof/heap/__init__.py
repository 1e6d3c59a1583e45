"""The heap profiler's results: samples, the snapshot that users hold, and its conversion to a ``pprof.Profile``."""
