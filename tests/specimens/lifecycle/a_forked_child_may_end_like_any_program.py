import atexit
import os
import sys

import spprof.memprof as memprof

atexit.register(lambda: print(f"active at exit: {memprof.is_active()}", flush=True))
memprof.start(1)  # registered later, so it runs first
pid = os.fork()
held = [bytearray(1000) for _ in range(1000)]
if pid == 0:
    sys.exit(3)
_, status = os.waitpid(pid, 0)
assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 3, status
