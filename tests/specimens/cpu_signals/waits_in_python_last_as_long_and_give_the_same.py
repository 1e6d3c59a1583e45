import select
import socket
import sys
import threading
import time

import spprof
from spent import until_sampled

MODE = sys.argv[1]

spprof.start(interval_ms=1, mode=MODE)
one, other = socket.socketpair()
for wait in (
    lambda: time.sleep(0.1),
    lambda: select.select([], [], [], 0.1) == ([], [], []) or 1 / 0,
    lambda: select.poll().poll(100) == [] or 1 / 0,
    lambda: threading.Event().wait(0.1),
):
    begin = time.monotonic()
    wait()
    assert time.monotonic() - begin >= 0.099
sender = threading.Timer(0.1, lambda: other.sendall(b"x" * 10))
sender.start()
assert one.recv(10, socket.MSG_WAITALL) == b"x" * 10
sender.join()
if MODE == "wall":
    until_sampled(11, time.sleep, 0.01)
profile = spprof.stop()
if MODE == "wall":
    assert len(profile.samples) > 10, profile
