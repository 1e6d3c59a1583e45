"""A pool whose workers run many tasks, one of which leaks. Arguments: pool, start method. Prints the leaking pid."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import sys

from leak import task

if __name__ == "__main__":
    kind, method = sys.argv[1:]
    context = multiprocessing.get_context(method)
    if kind == "pool":
        with context.Pool(3) as pool:
            pids = pool.map(task, range(20), 1)
            pool.close()
            pool.join()
    else:
        with concurrent.futures.ProcessPoolExecutor(3, context) as executor:
            pids = list(executor.map(task, range(20)))
    print(max(pids))
