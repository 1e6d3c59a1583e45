import atexit
import threading

import spprof.memprof as memprof

registered = []
atexit.register = registered.append
barrier = threading.Barrier(8)


def compete():
    barrier.wait()
    for _ in range(50):
        try:
            memprof.start(1024)
            memprof.stop()
        except RuntimeError:
            pass  # another thread has started it


threads = [threading.Thread(target=compete) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert registered == [memprof.shutdown], registered
