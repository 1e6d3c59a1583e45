import contextlib
import functools
import json
import sys

import extension
from specimen import CALLBACK, allocate, chain, memprof, tell


def go(ways):
    if ways:
        ways[0](ways[1:])
    else:
        allocate(size)


def generator(ways):
    yield go(ways)


def delegator(ways):
    yield from generator(ways)


async def coroutine(ways):
    go(ways)


async def waiter(ways):
    await coroutine(ways)


def catcher(ways):
    try:
        yield
    except KeyError:
        yield go(ways)


def passer(ways):
    yield from catcher(ways)


def closer(ways):
    try:
        yield
    finally:
        go(ways)


@contextlib.contextmanager
def managed(ways):
    yield go(ways)


class Thing:
    def __init__(self, ways):
        go(ways)

    @property
    def header(self):
        go(self.ways)


class Dying:
    def __del__(self):
        go(self.ways)


def by_itself(ways):
    go(ways)


def by_call(ways):
    extension.call(go, (ways,))


def by_ctypes(ways):
    chain.chain_call(CALLBACK(lambda _: go(ways)), 0)


def by_partial(ways):
    functools.partial(go, ways)()


def by_sorted(ways):
    sorted([ways], key=go)


def by_exec(ways):
    exec("go(ways)", globals(), {"ways": ways})


def by_init(ways):
    Thing(ways)


def by_property(ways):
    thing = Thing.__new__(Thing)
    thing.ways = ways
    thing.header


def by_death(ways):
    dying = Dying()
    dying.ways = ways
    del dying


def by_next(ways):
    next(generator(ways))


def by_loop(ways):
    for _ in delegator(ways):
        pass


def by_send(ways):
    try:
        waiter(ways).send(None)
    except StopIteration:
        pass


def by_throw(ways):
    thrown = (passer if sys.version_info >= (3, 10) else catcher)(ways)
    next(thrown)
    thrown.throw(KeyError)


def by_close(ways):
    closed = closer(ways)
    next(closed)
    closed.close()


def by_with(ways):
    with managed(ways):
        pass


memprof.start(0)
sizes = {}
for size, ways in json.load(open("ways.json")):
    go([globals()[way] for way in ways])
tell(*range(70000, 80000))
