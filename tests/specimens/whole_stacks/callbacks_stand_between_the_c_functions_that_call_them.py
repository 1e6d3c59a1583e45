import functools

import extension
from specimen import CALLBACK, allocate, chain, memprof, tell

memprof.start(0)


def key(size):
    allocate(size)


def back(size):
    chain.chain_outer(size)


def by_sorted():
    sorted([70001], key=key)


def by_map():
    list(map(key, [70002]))


def by_partial():
    functools.partial(key, 70003)()


def by_call():
    extension.call(key, (70004,))


def by_reduce():
    functools.reduce(lambda _, size: key(size), [0, 70005])


def by_ctypes():
    chain.chain_call(CALLBACK(back), 70006)


for function in (by_sorted, by_map, by_partial, by_call, by_reduce, by_ctypes):
    function()
tell(*range(70001, 70007))
