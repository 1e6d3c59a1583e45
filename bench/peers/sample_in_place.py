"""The cost of a sample and its free after a millisecond of other work, and of an unhooked malloc and free back to back.

python bench/peers/sample_in_place.py LIBRARY REPEATS     LIBRARY: bench/specimens/forced_sample.c
"""

from __future__ import annotations

import ctypes
import json
import statistics
import sys

BACK_TO_BACK = 100_000
KIB = 1024
OTHER = bytearray(2 * KIB * KIB)
"""Larger than a core's caches."""


def other_work() -> int:
    """Work for about a millisecond."""
    names = {number: str(number) for number in range(2000)}
    return OTHER.count(0) + len(names)


def main() -> None:
    library = ctypes.CDLL(sys.argv[1])
    library.pair_nanoseconds.restype = ctypes.c_double
    library.pair_nanoseconds.argtypes = [ctypes.c_bool, ctypes.c_long]
    pair_ns = min(library.pair_nanoseconds(False, BACK_TO_BACK) for _ in range(20))
    import spprof.memprof

    spprof.memprof.start(sampling_rate_kb=KIB * KIB)
    samples, others = [], []
    for _ in range(int(sys.argv[2])):
        other_work()
        samples.append(library.pair_nanoseconds(True, 1))
        other_work()
        others.append(library.pair_nanoseconds(False, 1))
    sample_us = (statistics.median(samples) - statistics.median(others)) / 1000
    print(json.dumps({"pair_ns": pair_ns, "sample_us": sample_us}))


if __name__ == "__main__":
    main()
