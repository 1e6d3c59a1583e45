import ctypes
import faulthandler
import os
import signal
import threading

import spprof
from spent import burners, seconds_in, spend_in_c

holding_the_lock = ctypes.PyDLL(os.environ["BURNERS"]).burn
holding_the_lock.argtypes, holding_the_lock.restype = [ctypes.c_uint64], None


def dumped():
    everyone.wait()
    spend_in_c(0.2)
    while not over:
        burners.burn(5_000_000)


faulthandler.enable()
faulthandler.register(signal.SIGUSR1, all_threads=True)
spprof.start(interval_ms=1)
everyone, over = threading.Barrier(3), False
threads = [threading.Thread(target=dumped) for _ in range(2)]
for thread in threads:
    thread.start()
everyone.wait()
for _ in range(20):
    faulthandler.dump_traceback(all_threads=True)
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
    holding_the_lock(10_000_000)
for _ in range(2):
    faulthandler.dump_traceback_later(0.02)
    holding_the_lock(500_000_000)
over = True
for thread in threads:
    thread.join()
profile = spprof.stop()
assert seconds_in(profile, "dumped") > 0.3, profile
