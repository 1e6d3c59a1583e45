import weakref

from identity import Reuse, check, leaf, make, memprof

memprof.start(1)
keep, wanted, reuse = [], {}, Reuse()


def hold(want, size):
    made = make(leaf, *want)
    reuse.meet(made.__code__)
    keep.append(made(size))
    wanted[size] = want
    return made


for i in range(500):
    made = hold(("first_%d" % i, "first.py", 2 + i % 9), 70000 + i)
    dying = weakref.ref(made.__code__, lambda _: hold(("second_%d" % i, "second.py", 20 + i % 9), 80000 + i))
    del made
    assert dying() is None
assert reuse.count > 250, reuse.count
assert len(wanted) == 1000
check(wanted)
