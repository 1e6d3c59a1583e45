"""Shared by the benchmarks: intervals, processes that take orders, and the machine."""
