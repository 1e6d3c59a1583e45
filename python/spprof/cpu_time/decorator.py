"""Functions that are profiled whenever they are called: what ``@spprof.profile`` makes.

    call ─► begins a profile, unless one is being made ─► the function ─► its profile, in the attribute ``profile``

Plain functions, generators, coroutine functions and asynchronous generators, each replaced by one of its kind.
"""

from __future__ import annotations

import functools
import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from spprof import _engine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator

    from spprof.cpu import Profiler


def decorate(function: Any, profiler: Profiler) -> Any:
    """``function``, profiled with the settings of ``profiler``. TypeError: it is no function."""
    if isinstance(function, (staticmethod, classmethod, property)):
        raise TypeError(f"put @spprof.profile below @{type(function).__name__}, next to the function")
    if inspect.isclass(function) or not callable(function):
        raise TypeError(f"@spprof.profile takes a function, not {function!r}; of a class, decorate its methods")
    wrapper = _wrapper(function, profiler)
    wrapper.profile = None
    return wrapper


def _wrapper(function: Callable[..., Any], profiler: Profiler) -> Any:
    if inspect.isasyncgenfunction(function):
        return _asynchronous_generator(function, profiler)
    if inspect.iscoroutinefunction(function):
        return _coroutine(function, profiler)
    if inspect.isgeneratorfunction(function):
        return _generator(function, profiler)
    return _plain(function, profiler)


@contextmanager
def _measured(profiler: Profiler, profiled: Any) -> Iterator[None]:
    """One call, whose profile becomes an attribute of ``profiled``; nothing if a profile is being made already."""
    if not _begun(profiler):
        yield
        return
    try:
        yield
    finally:
        try:
            profiler.__exit__(None, None, None)
        finally:
            profiled.profile = profiler.profile


def _begun(profiler: Profiler) -> bool:
    if _engine.cpu_is_active():
        return False
    try:
        profiler.__enter__()
    except RuntimeError:  # another thread was faster
        return False
    return True


def _plain(function: Callable[..., Any], profiler: Profiler) -> Callable[..., Any]:
    @functools.wraps(function)
    def profiled(*arguments: Any, **keywords: Any) -> Any:
        with _measured(profiler, profiled):
            return function(*arguments, **keywords)

    return profiled


def _generator(function: Callable[..., Any], profiler: Profiler) -> Callable[..., Any]:
    @functools.wraps(function)
    def profiled(*arguments: Any, **keywords: Any) -> Generator[Any, Any, Any]:
        with _measured(profiler, profiled):
            return (yield from function(*arguments, **keywords))

    return profiled


def _coroutine(function: Callable[..., Any], profiler: Profiler) -> Callable[..., Any]:
    @functools.wraps(function)
    async def profiled(*arguments: Any, **keywords: Any) -> Any:
        with _measured(profiler, profiled):
            return await function(*arguments, **keywords)

    return profiled


def _asynchronous_generator(function: Callable[..., Any], profiler: Profiler) -> Callable[..., Any]:
    @functools.wraps(function)
    async def profiled(*arguments: Any, **keywords: Any) -> AsyncGenerator[Any, Any]:
        with _measured(profiler, profiled):
            inner = function(*arguments, **keywords)
            step = inner.__anext__()
            while True:
                try:
                    value = await step
                except StopAsyncIteration:
                    return
                try:
                    sent = yield value
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as error:
                    step = inner.athrow(error)
                else:
                    step = inner.asend(sent)

    return profiled
