import multiprocessing
import sys
import warnings

import spprof
from spent import check_seconds, spend


def work(number):
    spend(0.01)
    return number * number


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    context = multiprocessing.get_context(sys.argv[1])
    spprof.start(interval_ms=1)
    with context.Pool(3) as pool:
        assert pool.map(work, range(30)) == [number * number for number in range(30)]
    spend(0.05)
    check_seconds(spprof.stop(), "<module>", 0.05, times=20)
