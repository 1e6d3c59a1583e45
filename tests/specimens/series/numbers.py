"""Print the existing files after each snapshot of a series, some of which cannot be written.

numbers.py FOLDER SNAPSHOTS KEEP [NUMBER_THAT_FAILS...]
"""

import errno
import json
import os
import sys

import spprof.memprof as memprof
from spprof.serve import series

FOLDER, SNAPSHOTS, KEEP, *FAILING = sys.argv[1], *map(int, sys.argv[2:])

write_file = series.write_file


def fills_up(path, chunks, *, sync):
    if int(os.path.basename(path).split(".")[2]) in FAILING:
        raise OSError(errno.ENOSPC, "No space left on device", path)
    write_file(path, chunks, sync=sync)


memprof.start(64)
series.write_file = fills_up
held = []
one = series.Series(os.path.join(FOLDER, "one.1"), KEEP, lambda snapshot: snapshot)
for _ in range(SNAPSHOTS):
    held.append(bytearray(4_000_000))
    try:
        one.write({})
    except OSError:
        pass
    print(json.dumps(sorted(os.listdir(FOLDER))))
