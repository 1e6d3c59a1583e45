"""Under `spprof run --when-rss 1 --on-signal USR2`: a server that has taken the signal, and one of its workers."""

import os
import signal

held = bytearray(100)
signal.signal(signal.SIGUSR2, lambda *_: print("its own", flush=True))
pid = os.fork()
if pid == 0:
    held = [bytearray(1000) for _ in range(20_000)]
    os.kill(os.getpid(), signal.SIGUSR2)
    os._exit(0)
os.waitpid(pid, 0)
