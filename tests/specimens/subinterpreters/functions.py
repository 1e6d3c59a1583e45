"""Decorated functions of each kind, and checks of their results, which do not depend on the profiler."""

import warnings

import spprof

RESULTS = (3, "KeyError('own')", [1, "sent", 7], 42, [1, 2], "ValueError('own')")


@spprof.profile
def plain(one, *, other):
    return one + other


@spprof.profile()
def raising():
    raise KeyError("own")


@spprof.profile(interval_ms=1)
def generator():
    sent = yield 1
    yield sent
    return 7


@spprof.profile(interval_ms=2)
async def coroutine():
    return 42


@spprof.profile(3)
async def asynchronous_generator():
    yield 1
    yield 2
    raise ValueError("own")


NAMES = ("plain", "raising", "generator", "coroutine", "asynchronous_generator")


def finish(awaitable):
    """Return the result of an awaitable that waits for nothing."""
    try:
        awaitable.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


def error_of(call):
    try:
        call()
    except Exception as error:
        return repr(error)
    raise AssertionError("no error")


def results():
    one, steps = generator(), []
    steps.append(next(one))
    steps.append(one.send("sent"))
    try:
        next(one)
    except StopIteration as stop:
        steps.append(stop.value)
    two = asynchronous_generator()
    values = [finish(two.__anext__()) for _ in range(2)]
    failure = error_of(lambda: finish(two.__anext__()))
    return (plain(1, other=2), error_of(raising), steps, finish(coroutine()), values, failure)


def warnings_of(times):
    """Call every function this many times, and return the messages by function."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(times):
            assert results() == RESULTS, results()
    messages = {}
    for warning in said:
        assert warning.category is RuntimeWarning, warning
        assert warning.filename == __file__, warning
        name = next(name for name in NAMES if f" {name}()" in f" {warning.message}")
        messages.setdefault(name, []).append(str(warning.message))
    return messages


def silent_where_warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert results() == RESULTS, results()
