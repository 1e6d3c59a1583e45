"""spprof.trigger(): automatic snapshots when memory grows, a signal arrives or an allocation fails.

    sizes ──── a job polls ─────────► mark reached ─► a job writes, once
    signal ─── C handler, futex ────► the thread wakes ─► its job writes
    failure ── the engine, futex ───► the thread wakes ─► its job writes, at most once a minute

Everything runs on the single thread of ``serve.background``, which otherwise sleeps in the kernel.
"""

from __future__ import annotations

import atexit
import errno
import math
import os
from operator import index

from spprof import _engine, environment, supported
from spprof.on_demand import module
from spprof.process.title import title as program_title
from spprof.serve import background
from spprof.serve.record import free_stem
from spprof.text import size_of, visible
from spprof.warn_once import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Final

    from spprof.pprof import processes, trigger_names
    from spprof.process import control_group, signals
    from spprof.serve import trigger_conditions, trigger_files
    from spprof.serve.trigger_conditions import Size
    from spprof.serve.trigger_files import TriggerFiles
else:
    processes, signals = module("spprof.pprof.processes"), module("spprof.process.signals")
    trigger_names = module("spprof.pprof.trigger_names")
    control_group = module("spprof.process.control_group")
    trigger_conditions, trigger_files = map(module, ("spprof.serve.trigger_conditions", "spprof.serve.trigger_files"))

_REFUSALS_EVERY: Final = 60.0
"""Minimum number of seconds between two failed allocations that count."""

_REFUSALS_TAKEN: Final = "trigger on MemoryError"


class Trigger:
    """A trigger that is waiting to take snapshots, as returned by ``spprof.trigger()``. It ends with ``stop()``, with
    its ``with`` block, and with the process. A forked child does not continue it.
    """

    def __init__(
        self,
        files: TriggerFiles,
        failed: Callable[[OSError], None],
        sizes: list[Size],
        signal_number: int = 0,
        *,
        on_memory_error: bool = False,
    ) -> None:
        """``failed`` is called with each write error. RuntimeError: the signal has a handler, another trigger is
        waiting for failed allocations, or there is no thread.
        """
        self._files, self._failed, self._sizes = files, failed, sizes
        self._process = os.getpid()
        self._signal = 0
        self._jobs: list[background.Job] | None = None
        self._reached: dict[str, str] = {}
        self._calls: list[_Call] = []
        self._has_looked = False
        self._take(signal_number, on_memory_error)
        try:
            self._jobs = self._begin()
        except BaseException:
            self._give_back()
            raise
        if self._jobs:
            atexit.register(self._at_exit)

    def _take(self, signal_number: int, on_memory_error: bool) -> None:
        """Acquire the resources that are shared with the program or between triggers."""
        if on_memory_error:
            if _engine.kept().setdefault(_REFUSALS_TAKEN, self) is not self:
                other = _engine.kept()[_REFUSALS_TAKEN]
                if getattr(other, "_process", 0) == self._process:
                    raise RuntimeError(
                        "another trigger is already waiting for failed allocations; stop() that one first"
                    )
                _engine.kept()[_REFUSALS_TAKEN] = self  # inherited by fork
            self._calls.append(_Refusal(self))
        if signal_number:
            name = signals.name_of(signal_number)
            if not _engine.background_signal_take(signal_number):
                if on_memory_error:
                    self._give_back()
                raise RuntimeError(
                    f"SIG{name} is ignored, or the program, another trigger or spprof run already handles it; "
                    f"choose another of {', '.join(signals.NAMES)}, or use spprof run --on-signal {name}"
                )
            self._signal = signal_number
            self._calls.append(_Signal(self, signal_number, name))

    def _begin(self) -> list[background.Job]:
        jobs = [background.add(self._look)] if self._sizes else []
        jobs += [background.add(call.work, math.inf, is_wanted=call.is_called) for call in self._calls]
        begun = [job for job in jobs if job is not None]
        if len(begun) < len(jobs):
            for job in begun:
                background.remove(job)
            raise RuntimeError("cannot start a thread to take snapshots; raise the thread limit (ulimit -u)")
        return begun

    @property
    def written(self) -> int:
        """The number of snapshots written so far. For sizes, only the latest is kept."""
        return self._files.written

    @property
    def unwritten(self) -> int:
        """The number of snapshots that could not be written, for example on a full disk. The previous file then
        remains.
        """
        return self._files.unwritten

    @property
    def last_path(self) -> str:
        """The path of the file that was written last; "": none yet."""
        return self._files.last_path

    def stop(self) -> None:
        """Stop taking snapshots. A snapshot that is currently being written is completed. Restore the signal's default
        action, unless the program has since installed a handler. Has no effect once stopped, or in a forked child.

        TimeoutError: the disk is not responding; the trigger has ended nevertheless.
        """
        jobs, self._jobs = self._jobs, None
        if jobs is None or os.getpid() != self._process:
            return
        atexit.unregister(self._at_exit)
        self._end(jobs)

    def _end(self, jobs: list[background.Job]) -> None:
        for job in jobs[1:]:
            background.remove(job)
        is_over = not jobs or background.finish(jobs[0])
        self._give_back()
        if not is_over:
            raise TimeoutError(errno.ETIMEDOUT, "the disk is not responding; the trigger has stopped", self.last_path)

    def _give_back(self) -> None:
        if self._signal:
            _engine.background_signal_give_back(self._signal)
        if _engine.kept().get(_REFUSALS_TAKEN) is self:
            _engine.background_refusal_follow(False)
            del _engine.kept()[_REFUSALS_TAKEN]

    def __enter__(self) -> Trigger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Trigger: {self.written} snapshots written, {visible(self.last_path) or 'no file yet'}>"

    # ---- On the background thread

    def _look(self) -> float:
        """Poll the sizes. A separate job writes the snapshots for reached marks, so that their cost does not delay the
        next poll.
        """
        if not self._files.is_ready():
            return trigger_conditions.WAIT_MOST
        waits = []
        if not self._has_looked:
            self._has_looked = True
            trigger_files.prepare()
        for size in self._sizes:
            reached, left = size.look()
            if reached:
                self._reached[size.kind] = reached
            waits.append(size.pace.wait(left))
        if self._reached:
            background.add(self._write_reached)
        return min(waits)

    def _write_reached(self) -> None:
        while self._reached:
            kind, told = next(iter(self._reached.items()))
            self.write(lambda: self._files.replace(kind, told))  # noqa: B023  # called at once
            self._reached.pop(kind, None)

    def write(self, work: Callable[[], object]) -> None:
        """Write a file, or report that it cannot be written."""
        try:
            if self._files.is_ready():
                work()
        except OSError as error:
            self._failed(error)

    def _at_exit(self) -> None:
        """Handle pending events, since the program ends right after this."""
        jobs, self._jobs = self._jobs, None
        if jobs is None or os.getpid() != self._process:
            return
        waiting = [call for call in self._calls if call.is_called()]
        self._end(jobs)
        for call in waiting:
            call.answer()


class _Call:
    """An event that may require a snapshot at any time."""

    def __init__(self, trigger: Trigger) -> None:
        self._trigger = trigger
        self._is_open = False
        """True while the event is being handled. If the handling gives way to a fork, it is tried again."""

    def is_called(self) -> bool:
        return self._is_open or self.came()

    def came(self) -> bool:
        raise NotImplementedError

    def work(self) -> float:
        """The job's work. Return the seconds until the next call, unless the job is called earlier."""
        raise NotImplementedError

    def answer(self) -> None:
        """Write the file."""
        raise NotImplementedError


class _Signal(_Call):
    def __init__(self, trigger: Trigger, number: int, name: str) -> None:
        super().__init__(trigger)
        self._number, self._name = number, name

    def came(self) -> bool:
        return _engine.background_signal_came(self._number)

    def work(self) -> float:
        if self.is_called():
            self._is_open = True
            _engine.background_signal_answer(self._number)
            self.answer()
            self._is_open = False
        return math.inf

    def answer(self) -> None:
        files = self._trigger._files
        self._trigger.write(lambda: files.add(self._name, f"signal {self._name}"))


class _Refusal(_Call):
    """A failed allocation. The next failure counts only after _REFUSALS_EVERY seconds."""

    def __init__(self, trigger: Trigger) -> None:
        super().__init__(trigger)
        _engine.background_refusal_follow(True)

    def came(self) -> bool:
        return _engine.background_refusal_came()

    def work(self) -> float:
        if not self.is_called():
            _engine.background_refusal_follow(True)
            return math.inf
        self._is_open = True
        _engine.background_refusal_follow(False)
        self.answer()
        self._is_open = False
        return _REFUSALS_EVERY

    def answer(self) -> None:
        files = self._trigger._files
        self._trigger.write(lambda: files.replace(trigger_names.MEMORY_ERROR, "an allocation failed"))


# ---- Arguments


def sizes_of(when_rss: int | None, when_cgroup_percent: float | None) -> list[Size]:
    """Return the sizes to poll. RuntimeError: a percentage was given, but there is no limit."""
    sizes: list[Size] = []
    group = control_group.limiting_group()
    if when_rss is not None:
        sizes.append(trigger_conditions.ResidentSize(when_rss))
        if group is not None and when_cgroup_percent is None:
            sizes.append(trigger_conditions.close_to_limit(group))
    if when_cgroup_percent is not None:
        if group is None:
            raise RuntimeError(f"{control_group.no_limit_told()} (when_rss)")
        sizes.append(trigger_conditions.GroupUse(group, when_cgroup_percent))
    return sizes


def trigger(
    *,
    folder: str | os.PathLike[str],
    when_rss: int | str | None = None,
    when_cgroup_percent: float | None = None,
    on_signal: int | str | None = None,
    on_memory_error: bool = False,
) -> Trigger:
    """Write a whole heap snapshot into ``folder`` whenever one of the given events happens. Return an object with which
    this can be stopped.

    The folder is created if missing.

    ``when_rss``: bytes, or a string such as ``"1.5G"``. When the process's RSS first reaches this size, and each time
    it doubles, one file is written, replacing the previous one. If a control group limits memory, a file is also
    written when the group comes close to its limit. ``when_cgroup_percent``: a percentage of that limit, 1 to 100; a
    file is written there, and again each time the distance to the limit has halved. ``on_signal``: a name or number
    (USR1, USR2, HUP, QUIT, URG, WINCH); each signal adds a file. ``on_memory_error``: when an allocation fails, at most
    once a minute.

    Snapshots are written on a thread created in C, which is stopped around forks. A forked child does not continue the
    trigger; call this again there.

    TypeError, ValueError: an argument has the wrong type or is out of range, or no event was given. RuntimeError: no
    profiler was ever started, there is no limit, the signal has a handler, there is no thread, or this is a
    subinterpreter. OSError: the folder cannot be created.
    """
    rss = _checked_size(when_rss)
    percent = _checked_percent(when_cgroup_percent)
    number = _checked_signal(on_signal)
    if rss is None and percent is None and not number and not on_memory_error:
        raise ValueError(
            "there is nothing to wait for; give when_rss, when_cgroup_percent, on_signal or on_memory_error"
        )
    folder = os.path.abspath(os.fspath(folder))
    is_off = environment.is_off()
    if _engine.stats()["epochs"] == 0 and not is_off:
        supported.check_start()
        raise RuntimeError("there is nothing to take snapshots of; call spprof.memprof.start() first")
    sizes = [] if is_off else sizes_of(rss, percent)
    os.makedirs(folder, exist_ok=True)
    title = program_title()
    stem = free_stem(folder, title)
    note = {"script": title, **processes.program_note(os.getpid(), os.getppid(), title)}
    files = trigger_files.TriggerFiles(lambda: stem, lambda: note)
    if is_off:
        return Trigger(files, _say_failure, [])
    return Trigger(files, _say_failure, sizes, number, on_memory_error=bool(on_memory_error))


def _say_failure(error: OSError) -> None:
    warn_once("reported that a trigger failed", f"cannot write a triggered snapshot: {error.strerror}")


def _checked_size(given: int | str | None) -> int | None:
    if given is None:
        return None
    if isinstance(given, str):
        try:
            return size_of(given)
        except ValueError:
            raise ValueError(f"when_rss must be a size, such as '1G' or 1073741824, not {given!r}") from None
    if isinstance(given, bool):
        raise TypeError("when_rss must be a number of bytes or a string such as '1G', not bool")
    size = index(given)
    if not 0 < size < 1 << 62:
        raise ValueError(f"when_rss must be more than 0 bytes, not {size}")
    return size


def _checked_percent(given: float | None) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise TypeError(f"when_cgroup_percent must be a number, not {type(given).__name__}")
    if not 1 <= given <= 100:
        raise ValueError(f"when_cgroup_percent must be between 1 and 100, not {given!r}")
    return float(given)


def _checked_signal(given: int | str | None) -> int:
    if given is None:
        return 0
    if not isinstance(given, (int, str)):
        raise TypeError(f"on_signal must be a signal's name or number, not {type(given).__name__}")
    try:
        return signals.number_of(given)
    except ValueError as error:
        raise ValueError(f"on_signal {error}, not {given!r}") from None
