"""Holds the GIL for good, in a regular expression that goes back and forth, until it is killed."""

import re
import sys

import spprof

made = spprof.listen()
spprof.memprof.start(sampling_rate_kb=64)
print(made.address, flush=True)


def stuck():
    re.match(r"(a+)+b", "a" * 100)  # goes on for ages


sys.stdout.close()
stuck()
