"""Exercises many features that programs use: ``busy.everything()``."""

import asyncio
import gc
import json
import re
import sys
import traceback
import weakref


def churn():
    for i in range(40):
        names = {}
        body = "  pass\n" * (i % 7) + "  return a, k, [a for _ in range(3)]"
        exec("def made(*a, **k):\n%s\nmade(1, x=2)" % body, names)
        dying = weakref.ref(names["made"].__code__, lambda _: [str(i)])
        del names


def generators(depth):
    def nested(n):
        try:
            if n:
                yield from nested(n - 1)
            yield str(n)
        finally:
            str(n) * 2

    made = nested(depth)
    next(made)
    made.close()


async def coroutines(depth):
    await asyncio.sleep(0)
    if depth:
        await asyncio.gather(*[coroutines(depth - 1) for _ in range(3)])


# Two functions, because CPython 3.15 does not limit recursion through calls such as f(*a, n=1) alone and would use up
# all memory (https://github.com/python/cpython/issues/155151).
def recurse(*a, **k):
    return deeper(a)


def deeper(a):
    return recurse(*a, n=[1])


def failing(n):
    try:
        if n:
            failing(n - 1)
        raise KeyError("x" * n)
    except KeyError as error:
        raise RuntimeError(str(n)) from error


def everything(recurse_endlessly=True):
    json.loads(json.dumps([{"a": [i, str(i)]} for i in range(50)]))
    re.purge()
    re.sub(r"(a|b)*?[^c-d]{2,3}", lambda match: match.group(0) * 2, "abcdefg" * 10)
    churn()
    generators(10)
    asyncio.run(coroutines(2))
    for raising in [lambda: failing(8), *[recurse] * recurse_endlessly]:
        try:
            raising()
        except (RuntimeError, RecursionError):
            traceback.format_exc()
    sys.settrace(lambda *_: None)
    exec("x = [i for i in range(3)]")
    sys.settrace(None)
    gc.collect()
