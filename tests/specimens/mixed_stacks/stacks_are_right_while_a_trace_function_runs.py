import json
import sys

import extension
from specimen import allocate, libraries, memprof, names

memprof.start(0)
shown = {}


def trace(frame, event, argument):
    if frame.f_code.co_name in ("inner", "outer", "most", "by_next", "by_throw"):
        size, chain = 70000 + len(shown), [event, "trace"]
        while frame:
            called_from_c = frame.f_code.co_name.startswith("by_")
            chain += [frame.f_code.co_name, "extension_call()"] if called_from_c else [frame.f_code.co_name]
            frame = frame.f_back
        shown[size] = chain
        allocate(size)
    return trace


def inner():
    try:
        yield 1
        yield 2
    except KeyError:
        yield 3


def outer():
    yield from inner()


def most():
    yield from outer()


def by_next():
    next(made)


def by_throw():
    made.throw(KeyError)


made = most()
sys.settrace(trace)
for function in (by_next, by_next, by_throw):
    extension.call(function, ())
sys.settrace(None)
memprof.stop()
found, mapped = [], libraries()
for sample in memprof.get_snapshot().samples:
    if sample.size in shown:
        found.append((shown.pop(sample.size), names(sample.stack, mapped)))
print(json.dumps(found))
