import sys
import threading

from identity import Reuse, check, leaf, make, memprof

sys.setswitchinterval(1e-5)
memprof.start(1)
keep, wanted, reuse, start = [], {}, Reuse(), threading.Barrier(4)


def work(number):
    start.wait()
    for i in range(number, 2000, 4):
        want = ("made_%d" % i, "file_%d.py" % (i % 7), 2 + i % 50)
        made = make(leaf, *want)
        reuse.meet(made.__code__)
        keep.append(made(70000 + i))
        wanted[70000 + i] = want
        del made


threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert reuse.count > 500, reuse.count
check(wanted)
