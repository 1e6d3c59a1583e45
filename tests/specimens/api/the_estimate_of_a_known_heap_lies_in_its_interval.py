import spprof.memprof as memprof
from asked_for import bytearray_size

SIZE = bytearray_size(4095)


def fill():
    return [bytearray(4095) for _ in range(4000)]


memprof.start(16, seed=20240917)
held = fill()
snapshot = memprof.get_snapshot()
memprof.stop()
samples = [sample for sample in snapshot.samples if sample.size == SIZE]
assert 700 < len(samples) < 1100, len(samples)
estimated = sum(sample.estimated_bytes for sample in samples)
assert abs(estimated / (4000 * SIZE) - 1) < 0.12, estimated
assert abs(sum(sample.estimated_objects for sample in samples) / 4000 - 1) < 0.12
low, high = snapshot.heap_bytes_interval(0.9999)
assert low < 4000 * SIZE < high
