import multiprocessing
import sys

import spprof.memprof as memprof
from asked_for import bytearray_size

METHOD = sys.argv[1]


def work(number):
    if not memprof.is_active():
        memprof.start(0)
    held = [bytearray(70_000 + number) for _ in range(20)]
    return number, sum(record[1] == bytearray_size(70_000 + number) for record in memprof.get_snapshot().records())


if __name__ == "__main__":
    memprof.start(0)
    context = multiprocessing.get_context(METHOD)
    with context.Pool(2) as pool:
        assert pool.map(work, range(8), chunksize=1) == [(number, 20) for number in range(8)]
        pool.close()
        pool.join()
    process = context.Process(target=work, args=(1,))
    process.start()
    process.join()
    assert process.exitcode == 0, process.exitcode
    print("good")
