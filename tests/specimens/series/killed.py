"""Write a series as fast as possible until it is killed."""

import os
import sys

import spprof.memprof as memprof
from spprof.serve.series import Series

memprof.start(16)
held = []
one = Series(os.path.join(sys.argv[1], "one.1"), 12, lambda snapshot: snapshot)
while True:
    held.append([bytearray(10_000) for _ in range(20)])
    one.write({})
    print(flush=True)
