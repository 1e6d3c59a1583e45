import sys
import threading

import spprof.memprof as memprof


def churn():
    while True:
        kept[:] = [bytearray(number) for number in range(0, 5000, 50)]
        running.set()


kept, running = [], threading.Event()
memprof.start(int(sys.argv[1]))
for _ in range(4):
    threading.Thread(target=churn, daemon=True).start()
running.wait()
print("going", flush=True)
sys.exit(5)
