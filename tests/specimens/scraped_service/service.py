"""A service that answers requests while threads allocate and free at a steady size. Prints its port, ends with stdin.

service.py TOKEN
"""

import random
import sys
import threading
import time

import spprof
from spprof import memprof

KEPT, BLOCK_MOST = 2000, 8192
PAUSE_SECONDS = 0.002


def serve(seed):
    """Allocate as a server does: some blocks live for a while, and each request allocates others."""
    source = random.Random(seed)
    kept = [b""] * KEPT
    while True:
        for _ in range(50):
            kept[source.randrange(KEPT)] = bytes(source.randrange(1, BLOCK_MOST))
        b"".join(kept[: KEPT // 10])
        time.sleep(PAUSE_SECONDS)


memprof.start()
for number in range(4):
    threading.Thread(target=serve, args=(number,), daemon=True).start()
listener = spprof.listen("127.0.0.1:0", token=sys.argv[1])
print(listener.address, flush=True)
sys.stdin.read()
