"""Start and take snapshots without a free descriptor, and print why saving fails."""

from __future__ import annotations

import os
import resource

import everything
import spprof
from spprof import memprof

resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
spprof.start()
memprof.start(0, native="off")
kept = [bytearray(100) for _ in range(1000)]
snapshot, later = memprof.get_snapshot(), memprof.get_snapshot()
everything.look_at(snapshot, later, spprof.stop())
try:
    snapshot.save("x.html")
except OSError as error:
    print(os.strerror(error.errno))
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
snapshot.save("x.html")
