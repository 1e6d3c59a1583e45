import threading

from identity import Reuse, check, leaf, make, memprof

memprof.start(1)
keep, wanted, reuse = [], {}, Reuse()
turns = [threading.Semaphore(number == 0) for number in range(3)]


def work(number):
    for i in range(number, 900, 3):
        turns[number].acquire()
        want = ("made_%d" % i, "file_%d.py" % (i % 7), 2 + i % 50)
        made = make(leaf, *want)
        reuse.meet(made.__code__, number)
        keep.append(made(70000 + i))
        wanted[70000 + i] = want
        del made
        turns[(number + 1) % 3].release()


threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert reuse.by_another_thread > 100, reuse.by_another_thread
check(wanted)
