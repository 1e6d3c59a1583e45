from identity import Reuse, leaf, make, memprof, middle, python_frames, samples_by_size

memprof.start(1)
keep, wanted, reuse = [], {}, Reuse()
for i in range(500):
    file = "file_%d.py" % (i % 9)
    want = [("leaf_%d" % i, file, 2 + i % 40), ("middle_%d" % i, file, 100 + i % 30)]
    inner, outer = make(leaf, *want[0]), make(middle, *want[1])
    reuse.meet(inner.__code__)
    reuse.meet(outer.__code__)
    keep.append(outer(inner, 70000 + i))
    wanted[70000 + i] = want
    del inner, outer
assert reuse.count > 500, reuse.count
found = samples_by_size()
for size, want in wanted.items():
    assert python_frames(found[size])[:2] == want, (want, python_frames(found[size]))
