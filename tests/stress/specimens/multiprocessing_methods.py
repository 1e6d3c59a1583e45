"""Pools, processes, queues and executors work with each start method, and each worker profiles itself."""

import concurrent.futures
import multiprocessing

from asked_for import bytearray_size
from rounds import MODE, check, check_counters, finish, rounds, start_anew


def work(number):
    import spprof.memprof as memprof

    if not memprof.is_active():
        memprof.start(0, native=MODE)
    memprof.stop()
    memprof.start(0, native=MODE)
    held = [bytearray(70_000 + number) for _ in range(20)]
    seen = sum(record[1] == bytearray_size(70_000 + number) for record in memprof.get_snapshot().records())
    del held
    return number, seen


def put(queue, number):
    queue.put((number, bytes(50_000)))


def use(context):
    expected = [(number, 20) for number in range(8)]
    with context.Pool(2) as pool:
        check(pool.map(work, range(8), chunksize=1) == expected, "of a pool")
    queue = context.Queue()
    processes = [context.Process(target=put, args=(queue, number)) for number in range(2)]
    for process in processes:
        process.start()
    check({queue.get() for _ in processes} == {(0, bytes(50_000)), (1, bytes(50_000))}, "of a queue")
    for process in processes:
        process.join()
        check(process.exitcode == 0, f"a process ended with {process.exitcode}")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        check(list(executor.map(work, range(8))) == expected, "of an executor")


if __name__ == "__main__":
    for number in rounds():
        start_anew(number)
        use(multiprocessing.get_context(("fork", "spawn", "forkserver")[number % 3]))
        check_counters()
    finish()
