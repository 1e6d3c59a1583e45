import extension
from specimen import allocate, memprof, tell

memprof.start(0)


def inner():
    try:
        yield
    except KeyError:
        yield allocate(70001)
    finally:
        allocate(70002)


def outer():
    try:
        yield from inner()
    finally:
        allocate(70003)


def most():
    yield from outer()


def by_throw():
    made.throw(KeyError)


def by_close():
    made.close()


made = most()
next(made)
extension.call(by_throw, ())
by_close()
tell(70001, 70002, 70003)
