import spprof.memprof as memprof


def fill(count, size):
    return [bytearray(size) for _ in range(count)]


memprof.start(0)
held = fill(100, 100_000)
snapshot = memprof.get_snapshot()
memprof.stop()
rows = [row for row in snapshot.top_allocators(3) if row["line"] == 5]
(row,) = rows
# the blocks, and beside them 100 objects of some 60 bytes and the list
assert 100 * 100_001 < row["estimated_bytes"] < 100 * 100_001 + 20_000, row
assert row["low_bytes"] == row["high_bytes"] == row["estimated_bytes"]
assert row["estimated_objects"] == row["sample_count"] >= 200
assert row["file"] == __file__ and row["native_function"]
low, high = snapshot.heap_bytes_interval()
assert low == high == snapshot.estimated_heap_bytes
