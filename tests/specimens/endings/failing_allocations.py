"""Make each of the first hundred allocations fail in turn while a snapshot is taken and saved."""

import _testcapi

from spprof import memprof

memprof.start(0, native="off")
kept = [bytearray(10_000 + number) for number in range(100)]
memprof.stop()


def made(path):
    snapshot = memprof.get_snapshot()
    snapshot.save(path)
    return snapshot


made("whole.pb.gz")
failed = 0
for number in range(0, 20_000, 101):
    _testcapi.set_nomemory(number, number + 1)
    try:
        made("x.pb.gz")
    except MemoryError:
        failed += 1
    finally:
        _testcapi.remove_mem_hooks()
assert made("after.pb.gz").estimated_heap_bytes >= 100 * 10_000
assert failed < 5, failed
