import spprof.memprof as memprof
from asked_for import bytearray_size

SIZE = bytearray_size(99_999)


def hold(count):
    return [bytearray(99_999) for _ in range(count)]


kept = []
seen = 0
for rate_kb in (0, 64, 1, 512, 0):
    memprof.start(rate_kb, seed=rate_kb)
    kept.append(hold(200))
    memprof.stop()
    kept.append(hold(200))  # this one is not sampled
    rates = [s.sampling_rate_bytes for s in memprof.get_snapshot().samples if s.size == SIZE]
    assert rates[seen:] and set(rates[seen:]) == {rate_kb * 1024}, (rate_kb, rates[seen:])
    if rate_kb == 0:
        assert len(rates) == seen + 200
    seen = len(rates)
    assert memprof.get_snapshot().sampling_rate_bytes == rate_kb * 1024
samples = [s for s in memprof.get_snapshot().samples if s.size == SIZE]
assert all(s.estimated_bytes == s.size for s in samples if s.sampling_rate_bytes == 0)
assert all(s.estimated_bytes > s.size for s in samples if s.sampling_rate_bytes == 512 * 1024)
kept.clear()
assert not [s for s in memprof.get_snapshot().samples if s.size == SIZE]
