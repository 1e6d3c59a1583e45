"""What benchmarks share: intervals, processes that take orders, and the machine."""
