"""Sample every allocation. The peak's sites are exactly what was live then, whatever is freed or allocated later."""

from spprof import memprof


def load():
    rows = []
    for number in range(50):
        rows.append(bytearray(100_000 + number))
    return rows


def transform(rows):
    out = []
    for row in rows:
        out.append(bytes(row))
    return out


def later():
    return [bytearray(300_000), bytearray(300_000), bytearray(300_000)]


def held_by(estimates, function):
    return sum(row["estimated_bytes"] for row in estimates.top_allocators(1000) if function in row["function"])


def blocks_of(estimates, function):
    return sum(row["estimated_objects"] for row in estimates.top_allocators(1000) if function in row["function"])


memprof.start(0)
rows = load()
out = transform(rows)
before = memprof.get_snapshot()
assert held_by(before.peak, "load") == held_by(before, "load") > 5_000_000
assert held_by(before.peak, "transform") == held_by(before, "transform") > 5_000_000
del rows, out
few = later()
after = memprof.get_snapshot()
# Since 3.14, Python keeps a range object for reuse.
assert max(held_by(after, "load"), held_by(after, "transform"), held_by(after.peak, "later")) < 100
for function in ("load", "transform"):
    assert held_by(after.peak, function) == held_by(before, function), function
    assert blocks_of(after.peak, function) == blocks_of(before, function), function
assert after.estimated_heap_bytes < 2_000_000 < 10_000_000 < after.peak.estimated_heap_bytes <= after.peak_heap_bytes
low, high = after.peak.heap_bytes_interval()
assert low == high == after.peak.estimated_heap_bytes
assert after.peak.sample_count >= 100

assert str(after.peak).splitlines()[0].startswith("at the peak: ")
assert "load" in str(after.peak) and "transform" in str(after.peak)
assert repr(after.peak).startswith("<HeapPeak: ")
assert isinstance(after, memprof.HeapEstimates) and isinstance(after.peak, memprof.HeapEstimates)

whole = after.peak.estimated_heap_bytes
memprof.reset_peak()
window = memprof.get_snapshot()
assert held_by(window.window_peak, "later") == held_by(window, "later") > 900_000
assert held_by(window.window_peak, "load") < 100
assert window.peak.estimated_heap_bytes == whole, "the process's peak is another window"
more = load()
del more
window = memprof.get_snapshot()
assert held_by(window.window_peak, "load") > 5_000_000 and held_by(window.window_peak, "later") > 900_000
memprof.stop()
