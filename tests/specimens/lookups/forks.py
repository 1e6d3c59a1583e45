"""Fork while other threads look malloc up. Each child can use the loader and look malloc up as well."""

import os
import signal
import sys
import threading

import spprof.memprof as memprof
from lookups import load

ours = load(sys.argv[1])
memprof.start(native="patch")
threads = [threading.Thread(target=ours.keep_looking, args=(b"malloc",), daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
for number in range(100):
    pid = os.fork()
    if pid == 0:
        signal.alarm(300)  # a child that hangs is killed, and fails the test
        os._exit(7 if ours.loaded_objects() and ours.of_default(b"malloc") else 8)
    _, status = os.waitpid(pid, 0)
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 7, (number, status)
ours.end_looking()
for thread in threads:
    thread.join()
