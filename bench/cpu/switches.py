"""How each profiler that runs inside a process is switched on and off there: it is never in a slice what that takes."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

Switch = tuple[Callable[[], None], Callable[[], None]]
"""On, off."""


def of_nothing(interval_ms: int) -> Switch:
    """Also of what is switched from outside, and of what is never switched off."""
    return lambda: None, lambda: None


def of_spprof(interval_ms: int) -> Switch:
    import spprof

    def end() -> None:
        spprof.stop()

    return lambda: spprof.start(interval_ms=interval_ms), end


def of_empty_handler(interval_ms: int) -> Switch:
    library = ctypes.CDLL(os.environ["EMPTY_HANDLER"])
    library.empty_handler_begin.argtypes, library.empty_handler_begin.restype = [ctypes.c_long], ctypes.c_bool

    def begin() -> None:
        assert library.empty_handler_begin(interval_ms), "no timer"

    return begin, library.empty_handler_end


def of_pyinstrument(interval_ms: int) -> Switch:
    import pyinstrument

    profiler = pyinstrument.Profiler(interval=interval_ms / 1000)

    def end() -> None:
        profiler.stop()
        profiler.reset()

    return profiler.start, end


SWITCHES: dict[str, Callable[[int], Switch]] = {
    "nothing": of_nothing,
    "spprof": of_spprof,
    "empty handler": of_empty_handler,
    "pyinstrument": of_pyinstrument,
}
