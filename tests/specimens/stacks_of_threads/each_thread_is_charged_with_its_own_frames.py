import threading

import held
from asked_for import BESIDE_A_BYTEARRAY

held.memprof.start(0)
keep = []
start = threading.Barrier(4)


def work_0(size):
    keep.append(bytearray(size))


def work_1(size):
    keep.append(bytearray(size))


def work_2(size):
    keep.append(bytearray(size))


def work_3(size):
    keep.append(bytearray(size))


def worker(work, first):
    start.wait()
    for size in range(first, first + 200):
        work(size)


works = [work_0, work_1, work_2, work_3]
threads = [threading.Thread(target=worker, args=(work, 70000 + 1000 * i)) for i, work in enumerate(works)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for sample in held.memprof.get_snapshot().samples:
    if 70000 <= sample.size - BESIDE_A_BYTEARRAY < 74000:
        which = (sample.size - BESIDE_A_BYTEARRAY - 70000) // 1000
        functions = [frame.function for frame in sample.stack if frame.is_python]
        assert functions[:2] == ["work_%d" % which, "worker"], (sample.size, functions)
        assert "<module>" not in functions
