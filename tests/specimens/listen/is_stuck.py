"""Hold the GIL in a regular expression that backtracks, until it is killed."""

import re
import sys

import spprof

made = spprof.listen()
spprof.memprof.start(sampling_rate_kb=64)
print(made.address, flush=True)


def stuck():
    re.match(r"(a+)+b", "a" * 100)  # takes a very long time


sys.stdout.close()
stuck()
