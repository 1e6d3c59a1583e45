import multiprocessing
import os
import sys

BYTES = int(sys.argv[1])


def work():
    global held
    held = bytearray(BYTES)


worker = multiprocessing.get_context("fork").Process(target=work)
worker.start()
worker.join()
child = os.fork()
if child == 0:
    held = bytearray(2 * BYTES)
    raise SystemExit
os.waitpid(child, 0)
print(worker.pid, child)
