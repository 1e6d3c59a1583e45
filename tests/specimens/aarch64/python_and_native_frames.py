import spprof.memprof as memprof

kept = []


def leaf(number):
    kept.append(bytearray(54321))
    return number


def middle():
    return sorted([3, 1, 2], key=leaf)


memprof.start(0)
middle()
snapshot = memprof.get_snapshot()
sample = next(sample for sample in snapshot.samples if sample.size > 54320)
print(*(frame.function if frame.is_python else "native" for frame in sample.stack))
health = snapshot.frame_pointer_health
print(health.truncation_rate, health.min_native_depth)
