"""A program that has used up its descriptors asks for the resident memory, and for memory to be released."""

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
