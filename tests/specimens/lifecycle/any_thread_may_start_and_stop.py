import threading

import spprof.memprof as memprof
from asked_for import bytearray_size


def in_thread(call, *arguments):
    thread = threading.Thread(target=call, args=arguments)
    thread.start()
    thread.join()


def live():
    return [sample.size for sample in memprof.get_snapshot().samples].count(bytearray_size(44_444))


in_thread(memprof.start, 0)
block = bytearray(44_444)
in_thread(memprof.stop)
assert not memprof.is_active()
assert live() == 1


def race():
    gate.wait()
    for _ in range(50):
        for call in (memprof.start, memprof.stop):
            try:
                call()
            except RuntimeError:
                pass


gate = threading.Barrier(4)
threads = [threading.Thread(target=race) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if memprof.is_active():
    memprof.stop()
del block
assert live() == 0
