"""Allocate, fork and start programs until stdin ends, while requests arrive."""

import os
import subprocess
import sys
import tempfile
import threading

import spprof
from spprof import memprof

ended = threading.Event()


def work():
    """Work without keeping an increasing amount of memory."""
    kept, rounds = [], 0
    while not ended.wait(0.01):
        kept = [bytearray(1000) for _ in range(2000)]
        rounds += 1
        if rounds % 5 == 0:
            pid = os.fork()
            if pid == 0:
                os._exit(7 if kept else 0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        if rounds % 50 == 0:
            subprocess.run([sys.executable, "-S", "-c", ""], check=True)


os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp()
memprof.start(sampling_rate_kb=64)
by_path = spprof.listen()
by_port = spprof.listen("127.0.0.1:0", token=sys.argv[1])
print(by_path.address, by_port.address.rpartition(":")[2], flush=True)
worker = threading.Thread(target=work)
worker.start()
sys.stdin.read()
ended.set()
worker.join()
