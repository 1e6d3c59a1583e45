"""Map more than the table can hold (SPPROF_MAPPINGS_MAX). Print what is listed, and what is reported about the limit.

argument: the file to write
"""

import json
import mmap
import sys

import spprof.memprof as memprof

memprof.start()
kept = [mmap.mmap(-1, 1 << 20, prot=mmap.PROT_READ << number % 2) for number in range(40)]  # never merged
taken = memprof.get_snapshot()
taken.save(sys.argv[1])
print(json.dumps([len(taken.mappings), memprof.get_stats().unlisted_mappings, str(taken).splitlines()]))
