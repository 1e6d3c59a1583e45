from identity import Reuse, check, leaf, make, memprof

memprof.start(1)
keep, wanted, reuse = [], {}, Reuse()
for i in range(1000):
    want = ("made_%d" % i, "file_%d.py" % (i % 7), 2 + i % 50)
    made = make(leaf, *want)
    reuse.meet(made.__code__)
    keep.append(made(70000 + i))
    wanted[70000 + i] = want
    del made
assert reuse.count > 500, reuse.count
check(wanted)
