import numpy
from specimen import memprof, tell

memprof.start(0)
keep = []


def zeros():
    keep.append(numpy.zeros(70001, dtype="u1"))


def concatenate():
    keep.append(numpy.concatenate([numpy.zeros(70000, dtype="u1"), numpy.zeros(2, dtype="u1")]))


def through_python():
    keep.append(numpy.vstack([numpy.zeros((2, 35002), dtype="u1")]))


zeros()
concatenate()
through_python()
tell(70001, 70002, 70004)
