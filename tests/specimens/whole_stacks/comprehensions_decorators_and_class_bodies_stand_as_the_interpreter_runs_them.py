import contextlib
import functools

from specimen import allocate, memprof, tell

memprof.start(0)


def in_list():
    [allocate(size) for size in [70001]]


def in_dict():
    {size: allocate(size) for size in [70002]}


def wrap(function):
    @functools.wraps(function)
    def wrapper(*arguments):
        return function(*arguments)

    return wrapper


@wrap
def decorated(size):
    allocate(size)


@functools.lru_cache
def cached(size):
    allocate(size)


@contextlib.contextmanager
def managed():
    allocate(70005)
    yield


def in_class():
    class Body:
        class Inner:
            allocate(70006)


def use():
    decorated(70003)
    cached(70004)
    with managed():
        pass


for function in (in_list, in_dict, use, in_class):
    function()
tell(*range(70001, 70007))
