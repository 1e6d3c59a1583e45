import os
import signal

import spprof
from spent import check_seconds, spend, tick

came = []
for number in range(signal.SIGRTMAX, signal.SIGRTMAX - 3, -1):
    signal.signal(number, lambda number, frame: came.append(number))
spprof.start(interval_ms=1)
assert tick()[0] not in range(signal.SIGRTMAX - 2, signal.SIGRTMAX + 1)
for number in range(signal.SIGRTMAX, signal.SIGRTMAX - 3, -1):
    os.kill(os.getpid(), number)
spend(0.1)
profile = spprof.stop()
assert sorted(came) == list(range(signal.SIGRTMAX - 2, signal.SIGRTMAX + 1))
check_seconds(profile, "spend", 0.1)
