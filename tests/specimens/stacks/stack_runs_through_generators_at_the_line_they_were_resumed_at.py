import held

held.memprof.start(0)
keep = []


def inner():
    yield bytearray(70001)
    try:
        yield bytearray(70002)
    except KeyError:
        yield bytearray(70003)
    finally:
        keep.append(bytearray(70004))


def outer():
    yield from inner()


made = outer()
keep.append(next(made))  # first
keep.append(next(made))  # second
alone = inner()
assert [len(next(alone)), len(next(alone))] == [70001, 70002]  # and freed
keep.append(alone.throw(KeyError()))
alone.close()
keep += (bytearray(size) for size in [70005])
held.tell(*range(70001, 70006))
