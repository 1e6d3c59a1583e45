from specimen import allocate, memprof, tell

memprof.start(0)


def inner():
    yield allocate(70001)
    yield allocate(70002)


def outer():
    yield from inner()


def most():
    yield from outer()


def by_next():
    next(made)


made = most()
by_next()
by_next()
expression = (allocate(size) for size in [70003])


def by_list():
    list(expression)


by_list()
tell(70001, 70002, 70003)
