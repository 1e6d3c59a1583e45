from identity import Reuse, check, leaf, make, memprof

memprof.start(1)
keep, wanted, reuse, sleeping = [], {}, Reuse(), []


def late(keep, size):
    try:
        yield keep.append(bytearray(size))
        yield keep.append(bytearray(size + 1000))
    finally:
        keep.append(bytearray(size + 2000))


def churn(i):
    want = ("made_%d" % i, "made.py", 2 + i % 50)
    made = make(leaf, *want)
    reuse.meet(made.__code__)
    keep.append(made(80000 + i))
    wanted[80000 + i] = want


for i in range(400):
    name, file, line = "late_%d" % i, "late_%d.py" % (i % 5), 2 + i % 30
    made = make(late, name, file, line)(keep, 70000 + i)
    reuse.meet(made.gi_code)
    next(made)
    sleeping.append(made)
    del made
    for size, below in ((70000, 1), (71000, 2), (72000, 4)):
        wanted[size + i] = (name, file, line + below)
    churn(i)
    if len(sleeping) == 20:
        next(sleeping[0])
        del sleeping[0]
        churn(400 + i)
for made in sleeping:
    next(made)
sleeping.clear()
del made
assert reuse.count > 500, reuse.count
check(wanted)
