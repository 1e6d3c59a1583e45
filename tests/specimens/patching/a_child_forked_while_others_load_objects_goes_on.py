import os
import signal
import sys
import threading

import spprof.memprof as memprof
from asked_for import bytearray_size
from patched_library import load

library = load(sys.argv[1])
memprof.start(1)
threads = [threading.Thread(target=library.reload, args=(os.fsencode(sys.argv[2]),)) for _ in range(2)]
for thread in threads:
    thread.start()
for number in range(100):
    pid = os.fork()
    if pid == 0:
        signal.alarm(300)  # a child that hangs is killed, and fails the test
        held = [bytearray(99_999) for _ in range(20)]
        live = [record for record in memprof.get_snapshot().records() if record[1] == bytearray_size(99_999)]
        os._exit(7 if len(live) == 20 else 8)
    _, status = os.waitpid(pid, 0)
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 7, (number, status)
library.end_reloading()
for thread in threads:
    thread.join()
