"""Functions that are profiled whenever they are called: the results of ``@spprof.profile``.

    call ─► begins a profile, unless one is running ─► the function ─► its profile, in the attribute ``profile``

A call returns or raises whatever the function returns or raises. If the profiler fails, a RuntimeWarning says so, once
for each function.

Plain functions, generators, coroutine functions and asynchronous generators are each replaced by one of the same kind.
"""

from __future__ import annotations

import sys
import warnings
from functools import partial

from spprof import _engine, joining, supported
from spprof.records import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from typing import Any, Protocol, TypeVar

    from spprof.cpu_time.profile import Profile

    Wrapper = TypeVar("Wrapper", bound=Callable[..., Any])

    class Profiler(Protocol):
        """The part of ``spprof.Profiler`` that a call needs."""

        _profile: Profile | None

        def _begin(self) -> str:
            """Begin a profile and return the source of samples."""

        def __exit__(self, kind: None, error: None, traceback: None, /) -> None:
            """End the profile and save it if it has an output path."""


_GENERATOR, _COROUTINE, _ASYNCHRONOUS_GENERATOR = 0x20, 0x80, 0x200
"""Code flags, named as in ``inspect``, whose import costs more than all of this package."""


def decorate(function: Any, profiler: Profiler, by_thread: str) -> Any:
    """Return ``function``, profiled with the settings of ``profiler``. TypeError: it is not a function.

    ``by_thread``: the warning for systems that refuse timers; "": none.
    """
    if isinstance(function, (staticmethod, classmethod, property)):
        raise TypeError(f"put @spprof.profile below @{type(function).__name__}, next to the function")
    if isinstance(function, type) or not callable(function):
        raise TypeError(f"@spprof.profile takes a function, not {function!r}; to profile a class, decorate its methods")
    wrapper = _wrapper(function, _Calls(function, profiler, by_thread))
    wrapper.profile = None
    return wrapper


def _wrapper(function: Callable[..., Any], calls: _Calls) -> Any:
    kind = _flags(function)
    if kind & _ASYNCHRONOUS_GENERATOR:
        return _asynchronous_generator(function, calls)
    if kind & _COROUTINE or hasattr(function, "_is_coroutine_marker"):
        return _coroutine(function, calls)
    if kind & _GENERATOR:
        return _generator(function, calls)
    return _plain(function, calls)


def _flags(function: Any) -> int:
    """Return the flags of the code that a call of ``function`` runs, looking through methods and partials."""
    while True:
        inner = getattr(function, "func" if isinstance(function, partial) else "__func__", None)
        if inner is None:
            return int(getattr(getattr(function, "__code__", None), "co_flags", 0))
        function = inner


class _Calls:
    """The state that the calls of one function share."""

    def __init__(self, function: Any, profiler: Profiler, by_thread: str) -> None:
        self._name = getattr(function, "__qualname__", repr(function))
        self._profiler = profiler
        self._by_thread = by_thread
        self._has_warned = False

    def measured(self, profiled: Any) -> _Call:
        """Return a context for one call, whose profile becomes an attribute of ``profiled``. It does nothing if a
        profile is already running.
        """
        return _Call(self, profiled)

    def begin(self) -> Profiler | None:
        """Return a profiler for this call only: another call may begin while this one ends. None: it cannot start."""
        is_taken = _engine.cpu_is_active() and not joining.is_passing()
        if is_taken and not joining.may_begin_block(joining.CPU):
            return None
        profiler = _copied(self._profiler)
        try:
            if profiler._begin() == "thread" and self._by_thread:
                self._warn(f"{self._name}() is profiled, but {self._by_thread}")
        except Exception as error:
            was_slower = isinstance(error, RuntimeError) and _engine.has_main_gil() and not supported.refusal()
            if not was_slower:  # than another thread, which has started a profile
                self._warn(f"{self._name}() runs without being profiled: {str(error) or repr(error)}")
            return None
        return profiler

    def end(self, profiler: Profiler) -> Profile | None:
        """Return the call's profile; None if it cannot be made."""
        try:
            profiler.__exit__(None, None, None)
        except Exception as error:
            failed = "made" if profiler._profile is None else "saved"
            self._warn(f"the profile of {self._name}() could not be {failed}: {str(error) or repr(error)}")
        return profiler._profile

    def _warn(self, words: str) -> None:
        """Warn the function's caller. If a filter turns warnings into errors, suppress the error."""
        if self._has_warned:
            return
        self._has_warned = True
        with suppress(Exception):
            warnings.warn(words, RuntimeWarning, stacklevel=5)


class _Call:
    """The context of one call. It is not a generator, as it would be with ``contextlib``: at interpreter shutdown, a
    suspended call can use no global names.
    """

    def __init__(self, calls: _Calls, profiled: Any) -> None:
        self._calls = calls
        self._profiled = profiled

    def __enter__(self) -> None:
        self._profiler = self._calls.begin()

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if self._profiler is not None:
            self._profiled.profile = self._calls.end(self._profiler) or self._profiled.profile


def _copied(profiler: Profiler) -> Profiler:
    """Return another profiler with the same settings. ``copy`` could do this, but imports weakref."""
    other = object.__new__(type(profiler))
    vars(other).update(vars(profiler))
    return other


_COPIED = ("__module__", "__name__", "__qualname__", "__doc__", "__type_params__")
_ANNOTATIONS = "__annotate__" if sys.version_info >= (3, 14) else "__annotations__"


def _wraps(function: Any) -> Callable[[Wrapper], Wrapper]:
    """Like ``functools.wraps``, but without importing ``functools``, which imports ``collections`` and ``types``."""

    def dressed(wrapper: Wrapper) -> Wrapper:
        for name in (*_COPIED, _ANNOTATIONS):
            with suppress(AttributeError):
                setattr(wrapper, name, getattr(function, name))
        vars(wrapper).update(getattr(function, "__dict__", {}), __wrapped__=function)
        return wrapper

    return dressed


def _plain(function: Callable[..., Any], calls: _Calls) -> Callable[..., Any]:
    @_wraps(function)
    def profiled(*arguments: Any, **keywords: Any) -> Any:
        with calls.measured(profiled):
            return function(*arguments, **keywords)

    return profiled


def _generator(function: Callable[..., Any], calls: _Calls) -> Callable[..., Any]:
    @_wraps(function)
    def profiled(*arguments: Any, **keywords: Any) -> Generator[Any, Any, Any]:
        with calls.measured(profiled):
            return (yield from function(*arguments, **keywords))

    return profiled


def _coroutine(function: Callable[..., Any], calls: _Calls) -> Callable[..., Any]:
    @_wraps(function)
    async def profiled(*arguments: Any, **keywords: Any) -> Any:
        with calls.measured(profiled):
            return await function(*arguments, **keywords)

    return profiled


def _asynchronous_generator(function: Callable[..., Any], calls: _Calls) -> Callable[..., Any]:
    @_wraps(function)
    async def profiled(*arguments: Any, **keywords: Any) -> AsyncGenerator[Any, Any]:
        with calls.measured(profiled):
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
