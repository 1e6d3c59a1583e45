"""Samples the program and writes its files: at the end, when a signal ends it, and every so often.

    start ─► the program ─┬─ ends, raises, sys.exit ─► atexit ────────────┐
                          ├─ SIGTERM, SIGHUP (unless it handles them) ────┼─► finish: the files, a summary on stderr
                          ├─ every SECONDS, on a thread ─► the files      │
                          └─ forks ─► the child: the same for FILE.<pid> ─┘   (a child says nothing)

Threads: one writer at a time, under a lock. A signal that comes while its own thread is writing waits for the end of
it. One that comes just before the program waits in C would only be looked at when the wait is over, perhaps never: it
is repeated until it is (src/python/signal_repeat.h). Around a fork the signals are blocked: CPython forgets those that
reach a child before it has set itself up, and a pool that terminates its workers would wait for them forever. Our own
code does not show (``cli.own_frames``, ``symbolize.own_code``).
"""

from __future__ import annotations

import _thread
import atexit
import fcntl
import os
import signal
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from spprof import _engine
from spprof.cli import recordings, summary
from spprof.cli.terminal import say
from spprof.text import visible

if TYPE_CHECKING:
    from types import FrameType

    from spprof.cli.recordings import Recording
    from spprof.cli.run import Settings

_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_RESERVE_FROM = 40
"""The least number of a reserved descriptor: programs may count on the low ones being free."""

_CALLS_KEPT = 500
"""How many calls deep finishing may go where a signal strikes at the recursion limit."""

_LAST_OF_ALL = -1_000_000
"""Priority among what a worker of multiprocessing does at its end."""


class Recorder:
    """The one recorder of a process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._recordings = recordings.of(settings)
        self._notes = {"script": os.path.basename(os.path.abspath(settings.program))}
        self._first_pid = os.getpid()
        self._reserve: dict[int, int] = {}
        self._begin()

    def _begin(self) -> None:
        """The state of a process that has written nothing yet."""
        self._writing = _thread.allocate_lock()
        self._writer = 0
        self._ending_signal = 0
        self._is_finishing = False
        self._finished = False
        self._masks: dict[int, set[signal.Signals | int]] = {}

    def _path(self, recording: Recording) -> str:
        """Where this process writes."""
        output = recording.output
        return output if os.getpid() == self._first_pid else f"{output}.{os.getpid()}"

    def start(self) -> None:
        """Begins to sample, and arranges for the files to be written."""
        self._reserve = _reserved_descriptors()
        for recording in self._recordings:
            recording.start()
        atexit.register(self.finish)  # after start, which registers the shutdown: this runs before it
        for number in _ENDING_SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, self._on_signal)
                _engine.repeat_signal(number)
        os.register_at_fork(
            before=self._before_fork, after_in_parent=self._after_fork_in_parent, after_in_child=self._after_fork
        )
        self._start_ticking()

    def finish(self) -> None:
        """Writes the files for the last time. In the first process also says so."""
        if self._finished or self._is_finishing:
            return
        self._is_finishing = True
        try:
            self._finish()
        except Exception as error:  # whatever it is, it is not the program's
            say(f"the profile is incomplete: {error!r}")
        finally:
            self._finished = True
            self._is_finishing = False
            if self._ending_signal:
                self._die()

    def _finish(self) -> None:
        _give_back(self._reserve)
        for recording in reversed(self._recordings):
            recording.stop()
        wrote = self._write(is_last=True)
        if os.getpid() == self._first_pid:
            for recording in wrote:
                summary.show(recording.lines(self._path(recording)))

    def _write(self, *, is_last: bool) -> list[Recording]:
        """Writes the files and returns what was written: nothing where another write is at work in this thread."""
        if self._writer == _thread.get_ident():
            return []
        with self._writing:
            if (self._finished or self._is_finishing) and not is_last:
                return []
            self._writer = _thread.get_ident()
            try:
                return [recording for recording in self._recordings if self._write_locked(recording)]
            finally:
                self._writer = 0

    def _write_locked(self, recording: Recording) -> bool:
        """Writes one file. False: it failed, which was said."""
        path = self._path(recording)
        try:
            recording.write(path, self._notes)
        except Exception as error:  # whatever it is, it is not the program's
            say(f"{visible(path)}: {getattr(error, 'strerror', None) or repr(error)}")
            return False
        return True

    # ---- signals

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        sys.setrecursionlimit(sys.getrecursionlimit() + _CALLS_KEPT)  # the process ends: it is not set back
        _engine.signal_handled()
        self._ending_signal = number
        if self._is_finishing:
            return  # interrupted: it ends the process when it is through
        try:
            self.finish()
        finally:
            self._die()

    def _die(self) -> None:
        """Ends as the signal would have ended the program, so that its parent sees the same."""
        signal.signal(self._ending_signal, signal.SIG_DFL)
        os.kill(os.getpid(), self._ending_signal)

    # ---- forks and ticks

    def _before_fork(self) -> None:
        self._masks[_thread.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING_SIGNALS)

    def _after_fork_in_parent(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._masks.pop(_thread.get_ident()))

    def _after_fork(self) -> None:
        mask = self._masks.pop(_thread.get_ident())
        self._begin()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._start_ticking()
        util = sys.modules.get("multiprocessing.util")
        if util is not None:  # its workers end by os._exit, after their finalizers
            util.register_after_fork(self, _finish_with_worker)

    def _start_ticking(self) -> None:
        if self._settings.every:
            _thread.start_new_thread(self._tick, ())

    def _tick(self) -> None:
        waiting = _thread.allocate_lock()
        waiting.acquire()
        while not self._finished:
            waiting.acquire(timeout=self._settings.every)
            if not self._finished:
                self._write(is_last=False)


def _reserved_descriptors() -> dict[int, int]:
    """Two descriptors for when the program has used all, of the file that is written and of one that is read for its
    symbols: their numbers, and the inode of the pipe that they belong to. Empty where there are none to spare."""
    try:
        ends = os.pipe()
    except OSError:
        return {}
    kept: dict[int, int] = {}
    with suppress(OSError):
        for end in ends:
            kept[fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _RESERVE_FROM)] = os.fstat(end).st_ino
    for end in ends:
        os.close(end)
    return kept


def _give_back(reserve: dict[int, int]) -> None:
    """Closes what is still ours of the reserve: a program may have closed it, and have a file of its own there now."""
    while reserve:
        descriptor, inode = reserve.popitem()
        with suppress(OSError):
            status = os.fstat(descriptor)
            if stat.S_ISFIFO(status.st_mode) and status.st_ino == inode:
                os.close(descriptor)


def _finish_with_worker(recorder: Recorder) -> None:
    from multiprocessing import util

    util.Finalize(None, recorder.finish, exitpriority=_LAST_OF_ALL)
