import sys

import spprof.memprof as memprof


def fill(count, size):
    return ["x" * size for _ in range(count)]  # a function that has a name even in a stripped interpreter


memprof.start(0)
held = fill(100, 100_000)
snapshot = memprof.get_snapshot()
memprof.stop()
rows = [row for row in snapshot.top_allocators(3) if row["line"] == 7]
(row,) = rows
# the strings and the list
blocks = 100 * sys.getsizeof(held[0])
assert blocks < row["estimated_bytes"] < blocks + 20_000, row
assert row["low_bytes"] == row["high_bytes"] == row["estimated_bytes"]
assert row["estimated_objects"] == row["sample_count"] >= 101
assert row["file"] == __file__ and row["native_function"]
low, high = snapshot.heap_bytes_interval()
assert low == high == snapshot.estimated_heap_bytes
