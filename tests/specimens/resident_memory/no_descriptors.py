"""A program that has used up its descriptors requests a report of the resident memory, and the release of memory."""

import os
import resource

import spprof.memprof as memprof

memprof.start()
snapshot = memprof.get_snapshot()
resource.setrlimit(resource.RLIMIT_NOFILE, (20, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
try:
    while True:
        os.dup(0)
except OSError:
    pass
print(snapshot.resident, memprof.trim())
