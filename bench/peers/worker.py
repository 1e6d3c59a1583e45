"""One program under one variant. It runs and times a slice of work on order (bench/common/orders.py).

python bench/peers/worker.py START:NUMBER WORKLOAD

    slice LOOPS     [CPU nanoseconds of all threads, wall nanoseconds]
"""

from __future__ import annotations

import gc
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common.serve import serve

from peers.starts import STARTS


def cpu_ns() -> int:
    """Return the CPU time of all threads, including ended ones. If a profiler has set a timer on the process's clock,
    the kernel updates that clock only at the kernel's ticks, but getrusage() updates it at once.
    """
    resource.getrusage(resource.RUSAGE_SELF)
    return time.process_time_ns()


def main() -> None:
    start, workload = [word for word in sys.argv[1:] if word != "---"]
    kind, _, number = start.partition(":")
    STARTS[kind](int(number or 0))
    from peers.workloads import load

    run = load(workload)

    def slice_of(loops: str) -> list[int]:
        gc.collect()  # otherwise, chance decides whether a slice contains a full collection
        wall, cpu = time.perf_counter_ns(), cpu_ns()
        run(int(loops))
        return [cpu_ns() - cpu, time.perf_counter_ns() - wall]

    serve({"slice": slice_of})


if __name__ == "__main__":
    main()
