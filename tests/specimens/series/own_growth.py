"""The verdict of a snapshot is based on the series that its process records."""

import sys

import spprof.memprof as memprof

held = []


def leak():
    held.append([bytearray(50_000) for _ in range(20)])


memprof.start(64)
snapshot = memprof.get_snapshot()
try:
    snapshot.growth()
except RuntimeError as error:
    assert "spprof.memprof.record(folder)" in str(error)
else:
    raise AssertionError("there is no series")
series = memprof.record(sys.argv[1], every=1000)
for _ in range(12):
    leak()
    series._series.write(series._notes)
series.stop()
found = memprof.get_snapshot().growth()
assert [site.verdict for site in found if site.function.startswith("leak")] == ["growing"], found
assert found == memprof.growth(sys.argv[1])
