"""How each profiler that runs inside a process is switched on and off. No slice includes the time for switching."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from programs import Program, Work

CLOCK_REALTIME_COARSE = 5
"""A clock that is constant between two of the kernel's ticks."""

TICK_NS = round(1e9 * time.clock_getres(CLOCK_REALTIME_COARSE))


class Switch(NamedTuple):
    begin: Work
    end: Work
    ticks: Callable[[], list[int]]
    """Returns the times when the profiler interrupted a thread, in nanoseconds since the epoch. Called while it is off.
    """


def of_nothing(interval_ms: int, program: Program) -> Switch:
    """Return a switch for profilers that are switched from outside, or never. Its ticks are a selection of the
    kernel's.
    """
    times: list[int] = []

    def mark() -> None:
        times.append(time.clock_gettime_ns(CLOCK_REALTIME_COARSE))

    def ticks() -> list[int]:
        begin, end = times[-2:]
        return list(range(begin, end, -(-interval_ms * 1_000_000 // TICK_NS) * TICK_NS))

    return Switch(mark, mark, ticks)


def of_spprof(interval_ms: int, program: Program) -> Switch:
    """Return a switch for spprof, which profiles all threads by itself."""
    import spprof

    profiles: list[spprof.Profile] = []

    def end() -> None:
        profiles[:] = [spprof.stop()]

    def ticks() -> list[int]:
        return [sample.timestamp_ns for sample in profiles[0].samples]

    return Switch(lambda: spprof.start(interval_ms=interval_ms), end, ticks)


def of_empty_handler(interval_ms: int, program: Program) -> Switch:
    library = ctypes.CDLL(os.environ["EMPTY_HANDLER"])
    library.empty_handler_begin.argtypes, library.empty_handler_begin.restype = [ctypes.c_long], ctypes.c_bool
    library.empty_handler_tick.argtypes, library.empty_handler_tick.restype = [ctypes.c_size_t], ctypes.c_uint64
    found: list[int] = []

    def begin() -> None:
        assert library.empty_handler_begin(interval_ms), "no timer"

    def end() -> None:
        library.empty_handler_end()
        found.extend(library.empty_handler_tick(number) for number in range(library.empty_handler_count()))

    def begin_everywhere() -> None:
        found.clear()
        program.everywhere(begin)

    return Switch(begin_everywhere, lambda: program.everywhere(end), lambda: found)


def of_pyinstrument(interval_ms: int, program: Program) -> Switch:
    """Return a switch for pyinstrument, which profiles only the thread that starts it."""
    import pyinstrument

    own = threading.local()

    def begin() -> None:
        own.profiler = pyinstrument.Profiler(interval=interval_ms / 1000)
        own.profiler.start()

    def end() -> None:
        own.profiler.stop()
        own.profiler.reset()

    return Switch(lambda: program.everywhere(begin), lambda: program.everywhere(end), list)


SWITCHES: dict[str, Callable[[int, Program], Switch]] = {
    "nothing": of_nothing,
    "spprof": of_spprof,
    "empty handler": of_empty_handler,
    "pyinstrument": of_pyinstrument,
}
