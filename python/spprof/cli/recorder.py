"""Samples the program and writes its file: at the end, when a signal ends it, and every so often.

    start ─► the program ─┬─ ends, raises, sys.exit ─► atexit ────────────┐
                          ├─ SIGTERM, SIGHUP (unless it handles them) ────┼─► finish: the file, a summary on stderr
                          ├─ every SECONDS, on a thread ─► the file       │
                          └─ forks ─► the child: the same for FILE.<pid> ─┘   (a child says nothing)

Threads: one writer at a time, under a lock. A signal that comes while its own thread is writing waits for the end of
it. Around a fork the signals are blocked: CPython forgets those that reach a child before it has set itself up, and a
pool that terminates its workers would wait for them forever. Our own code does not show: the frames that lead to the
program are cut off stacks, and what the thread allocates is left out.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from spprof import memprof, snapshot, writers
from spprof.cli import summary
from spprof.cli.terminal import say
from spprof.pprof.file import written
from spprof.recorded import profile_of
from spprof.stacks import NATIVE
from spprof.text import visible
from spprof.writers.atomic_file import write_file

if TYPE_CHECKING:
    from types import FrameType

    from spprof.cli.run import Settings
    from spprof.model import Frame
    from spprof.snapshot import HeapSnapshot

_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_OUR_FOLDER = os.path.dirname(__file__) + os.sep
_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep
_LAST_OF_ALL = -1_000_000
"""Priority among what a worker of multiprocessing does at its end."""


class Recorder:
    """The one recorder of a process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._notes = {"script": os.path.basename(os.path.abspath(settings.program))}
        self._first_pid = os.getpid()
        self._begin()

    def _begin(self) -> None:
        """The state of a process that has written nothing yet."""
        self._writing = _thread.allocate_lock()
        self._writer = 0
        self._ending_signal = 0
        self._is_finishing = False
        self._finished = False
        self._masks: dict[int, set[signal.Signals | int]] = {}

    @property
    def path(self) -> str:
        """Where this process writes."""
        output = self._settings.output
        return output if os.getpid() == self._first_pid else f"{output}.{os.getpid()}"

    def start(self) -> None:
        """Begins to sample, and arranges for the file to be written."""
        memprof.start(self._settings.rate_kb)
        atexit.register(self.finish)  # after start, which registers the shutdown: this runs before it
        for number in _ENDING_SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, self._on_signal)
        os.register_at_fork(
            before=self._before_fork, after_in_parent=self._after_fork_in_parent, after_in_child=self._after_fork
        )
        self._start_ticking()

    def finish(self) -> None:
        """Writes the file for the last time. In the first process also says so."""
        if self._finished or self._is_finishing:
            return
        self._is_finishing = True
        if memprof.is_active():
            memprof.stop()
        last = self._write(is_last=True)
        if last is not None and os.getpid() == self._first_pid:
            summary.show(last, self.path, self._settings.rate_kb)
        self._finished = True
        self._is_finishing = False
        if self._ending_signal:
            self._die()

    def _write(self, *, is_last: bool) -> HeapSnapshot | None:
        """Writes the file. None: another write is at work in this thread, or it failed, which was said."""
        if self._writer == _thread.get_ident():
            return None
        with self._writing:
            if (self._finished or self._is_finishing) and not is_last:
                return None
            self._writer = _thread.get_ident()
            try:
                return self._write_locked()
            except Exception as error:  # whatever it is, it is not the program's
                say(f"{visible(self.path)}: {getattr(error, 'strerror', None) or repr(error)}")
                return None
            finally:
                self._writer = 0

    def _write_locked(self) -> HeapSnapshot:
        taken = without_ourselves(snapshot.cut())
        if self._settings.output.lower().endswith(tuple(writers.SUFFIXES)) and not self._is_pprof():
            writers.save(taken, self.path, writers.format_of(self._settings.output))
        else:
            write_file(self.path, written(profile_of(taken, self._notes)))
        return taken

    def _is_pprof(self) -> bool:
        return self._settings.output.lower().endswith(".pb.gz")

    # ---- signals

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._ending_signal = number
        if self._is_finishing:
            return  # interrupted: it ends the process when it is through
        self.finish()
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


def _finish_with_worker(recorder: Recorder) -> None:
    from multiprocessing import util

    util.Finalize(None, recorder.finish, exitpriority=_LAST_OF_ALL)


def without_ourselves(taken: HeapSnapshot) -> HeapSnapshot:
    """The snapshot without the frames that lead to the program, and without what our own thread allocated."""
    ours = {totals[0] for totals in taken.site_totals() if _is_ticking(taken.frames(totals[0]))}
    if ours:
        taken = _without_stacks(taken, ours)
    frames_of = taken._frames_of
    return replace(taken, _frames_of=lambda stack_id: theirs(frames_of(stack_id)))


def _without_stacks(taken: HeapSnapshot, ours: set[int]) -> HeapSnapshot:
    kept = [record for record in taken.records() if record[snapshot.STACK_ID] not in ours]
    return replace(
        taken,
        live_samples=len(kept),
        _packed=b"".join(snapshot.SAMPLE.pack(*record) for record in kept),
        _sites=[site for site in taken._sites if site[0] not in ours],
    )


def _is_ticking(frames: tuple[Frame, ...]) -> bool:
    return any(frame.is_python and frame.file == __file__ and frame.function.endswith("_tick") for frame in frames)


def theirs(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """A stack from the program's first frame on: ours, and the interpreter's between ours and the program's, are cut.

    What is allocated before there is a frame of the program's, by the compiler above all, has none.
    """
    ours = (index for index, frame in enumerate(frames) if frame.is_python and frame.file.startswith(_OUR_FOLDER))
    end = next(ours, -1)
    if end < 0:
        return frames
    while end > 0 and not frames[end - 1].is_python:
        end -= 1
    is_program = end > 0 and not frames[end - 1].file.startswith(_PACKAGE)
    return frames[:end] if is_program else (NATIVE,)
