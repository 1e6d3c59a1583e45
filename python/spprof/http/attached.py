"""The part of ``spprof attach`` that runs in the attached program, on its main thread, between two bytecode
instructions.

    begin ─► heap profiler, unless it is running ─► listen() ─► what the attaching process must know
               └─► with a time: a job stops both once the snapshot has been fetched, or was not fetched in time

The program notices nothing: no output, no warning, no exception.
"""

from __future__ import annotations

import os
from time import monotonic

from spprof import _engine, environment, joining, memprof
from spprof.http import listener
from spprof.process.title import title
from spprof.serve import background

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_FETCHED_WITHIN: Final = 20.0
"""Number of seconds during which the snapshot can be fetched."""
_LOOKED_EVERY: Final = 0.1
_MODES: Final = ("preload", "patch", "off")
"""Tried in this order, as for ``native="auto"``, but without its warning for "off"."""


class _Ending:
    """Stops what ``begin`` has started, after a time."""

    def __init__(self, place: listener.Listener | None, fetched_from: float, fetched: str, *, samples: bool) -> None:
        self._place = place
        self._samples = samples
        self._fetched_from = fetched_from
        self._fetched = fetched
        self._process = os.getpid()
        os.register_at_fork(after_in_child=self._end_in_child)

    def work(self) -> float | None:
        """The job's work. Return the seconds until it is due again."""
        left = self._fetched_from - monotonic()
        if left > 0:
            return left
        if left > -_FETCHED_WITHIN and not os.path.lexists(self._fetched):
            return _LOOKED_EVERY  # keep sampling: otherwise live blocks would soon be gone
        self._stop_sampling()
        if self._place is not None:
            self._place.close()
        return None

    def _stop_sampling(self) -> None:
        if self._samples:
            self._samples = False
            if memprof.is_active():
                memprof.stop()

    def _end_in_child(self) -> None:
        """Stop in a forked child, since the job runs only in its parent."""
        if os.getpid() != self._process:
            self._stop_sampling()


def begin(rate_kb: int, seconds: float, fetched: str) -> dict[str, object]:
    """Start the heap profiler and listen, unless both are already active. Return what was found and what was done.

    ``seconds``: how long to profile; 0: until the process ends. ``fetched``: path of a file that is created once the
    snapshot has been fetched.

    RuntimeError, OSError: it failed, and nothing has changed.
    """
    if not _engine.is_main_interpreter():
        raise RuntimeError("its main thread is running a subinterpreter; try again")
    if environment.is_off():
        raise RuntimeError(f"{environment.IS_OFF}; remove it from the program's environment")
    if _engine.is_shut_down():
        raise RuntimeError("its heap profiler was shut down, which cannot be undone; restart the program")
    starts = not memprof.is_active() and not joining.is_joined(joining.HEAP)
    if starts:
        _start(rate_kb)
    try:
        before = listener.count()
        place = listener.listen()
        opens = listener.count() > before
        if seconds and (starts or opens):
            ending = _Ending(place if opens else None, monotonic() + seconds, fetched, samples=starts)
            if background.add(ending.work, seconds) is None:
                if opens:
                    place.close()
                raise RuntimeError("cannot start a thread for it; raise the program's thread limit (ulimit -u)")
    except BaseException:
        if starts:
            memprof.stop()
        raise
    return {"address": place.address, "title": title(), "starts": starts, "opens": opens}


def _start(rate_kb: int) -> None:
    for mode in _MODES[:-1]:
        try:
            return memprof.start(rate_kb, native=mode)
        except RuntimeError:
            continue
    return memprof.start(rate_kb, native=_MODES[-1])
