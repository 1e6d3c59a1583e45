"""A pool of forked workers, one of which leaks. Prints the pid of that one."""

import concurrent.futures
import multiprocessing
import os
import sys

kept: list[bytearray] = []


def task(number: int) -> int:
    """Keeps 40 MB where the number says so."""
    if number == 7:
        leak()
        return os.getpid()
    return 0


def leak() -> None:
    for _ in range(200):
        kept.append(bytearray(200_000))


if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    if sys.argv[1] == "pool":
        with context.Pool(3) as pool:
            pids = pool.map(task, range(20), 1)
            pool.close()
            pool.join()
    else:
        with concurrent.futures.ProcessPoolExecutor(3, context) as executor:
            pids = list(executor.map(task, range(20)))
    print(max(pids))
