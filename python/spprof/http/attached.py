"""What ``spprof attach`` does in the program that it has reached, on its main thread, between two instructions of it.

    begin ─► heap profiler, unless it runs ─► listen() ─► what the attaching process must know
               └─► with a time: a job ends both when the snapshot has been fetched, or is not

The program sees nothing of it: no output, no warning, no exception.
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
"""Seconds for which the snapshot may be fetched."""
_LOOKED_EVERY: Final = 0.1
_MODES: Final = ("preload", "patch", "off")
"""As ``native="auto"``, which warns where it comes to the last."""


class _Ending:
    """What ends by itself."""

    def __init__(self, place: listener.Listener | None, fetched_from: float, fetched: str, *, samples: bool) -> None:
        self._place = place
        self._samples = samples
        self._fetched_from = fetched_from
        self._fetched = fetched
        self._process = os.getpid()
        os.register_at_fork(after_in_child=self._end_in_child)

    def work(self) -> float | None:
        """The job: seconds until it is due again."""
        left = self._fetched_from - monotonic()
        if left > 0:
            return left
        if left > -_FETCHED_WITHIN and not os.path.lexists(self._fetched):
            return _LOOKED_EVERY  # sampling goes on: else what is live would soon be freed
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
        """The job is its parent's."""
        if os.getpid() != self._process:
            self._stop_sampling()


def begin(rate_kb: int, seconds: float, fetched: str) -> dict[str, object]:
    """Profile the heap and listen, unless both are so already; return what was found and done.

    ``seconds``: for so long, 0: until the end. ``fetched``: there is a file of that name when the snapshot has been
    fetched.

    RuntimeError, OSError: it cannot, and nothing has changed.
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
