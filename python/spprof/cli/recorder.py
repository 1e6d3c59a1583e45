"""Samples the program and writes its files: at the end, when a signal ends the program, and at intervals.

    start ─► the program ─┬─ ends, raises, sys.exit ─► atexit ────────────┐
                          ├─ os._exit, os.abort ──────────────────────────┤
                          ├─ a fatal signal that it does not handle ──────┼─► finish: the files, a summary on stderr
                          ├─ os.execv, os.execve ─► the files, as that may fail
                          ├─ every SECONDS, on a thread ─► the files      │
                          └─ forks ─► the child: the same for x.<pid>.… ──┘   (a child prints nothing)

The program was started by ``spprof run``, or found SPPROF in its environment (``cli.startup``). The first process of
``run`` always writes a file; other processes write one if they have taken enough samples.

Threads: a lock admits one writer at a time. A signal that arrives while its own thread is writing waits until the write
is complete. If a signal arrives just before the program waits in C, Python would handle it only after the wait, which
may never end. The signal is therefore repeated until it is handled (src/python/signal_repeat.h). Signals are blocked
around a fork: CPython drops those that reach a child before it has initialized itself, and a pool that terminates its
workers would then wait forever. Our own code does not appear in the profile (``cli.own_frames``,
``symbolize.own_code``).

Status: always the same as without the profiler. If finishing hangs, a C thread ends the process after a while
(src/python/module/endings.h). While a thread is ending the process through os._exit, no other thread can end it first.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import stat
import sys
from _thread import allocate_lock, get_ident  # before the program can replace them
from time import monotonic

from spprof import _engine, joining, on_demand
from spprof.cli import family, recordings
from spprof.cli.outputs import count_beside, numbered, of_process, stem_of
from spprof.cli.settings import BY_PID
from spprof.cli.terminal import say
from spprof.records import suppress
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from spprof.cli import own_frames, summary
    from spprof.cli.recordings import Recording
    from spprof.cli.settings import Settings
    from spprof.http import listener
    from spprof.pprof import processes
    from spprof.serve import background, trigger_files, triggers
    from spprof.serve.trigger_conditions import Size
    from spprof.serve.trigger_files import TriggerFiles
    from spprof.serve.triggers import Trigger
else:
    import _signal as signal  # signal without its enumerations

    processes, summary = map(on_demand.module, ("spprof.pprof.processes", "spprof.cli.summary"))
    listener = on_demand.module("spprof.http.listener")
    own_frames = on_demand.module("spprof.cli.own_frames")
    background, triggers = on_demand.module("spprof.serve.background"), on_demand.module("spprof.serve.triggers")
    trigger_files = on_demand.module("spprof.serve.trigger_files")

on_demand.keep("cli", ["own_frames", "summary"])

ENDING_SIGNALS = (
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGABRT,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGXCPU,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
"""Signals that end a process by default, and that people and systems send for that purpose. This leaves out SIGINT,
which Python turns into an exception; faults, during which no Python code can run, and SIGKILL; signals that profilers,
timers and garbage collectors use (SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGTRAP, SIGSYS, real-time signals); SIGPIPE and
SIGXFSZ, which Python ignores.
"""

_RESERVE_FROM = 40
"""Reserved descriptors have this number or a higher one, because programs may rely on low numbers being free."""

_CALLS_KEPT = 500
"""Additional recursion depth for finishing when a signal arrives at the recursion limit."""

_CROWD = 256
"""For every group of this many files in a folder, the samples that a process needs for another file double."""

_EXEC_SECONDS = 1.0
"""Number of seconds for which ``--every`` writes no file once this process is about to become another program."""

_PATIENCE_SECONDS = 30.0
"""Maximum number of seconds by which finishing may delay a program that a signal or os._exit is ending."""

_LAST_OF_ALL = -1_000_000
"""Priority among the finalizers of a multiprocessing worker."""


class Recorder:
    """The process's only recorder."""

    def __init__(self, settings: Settings, *, is_first: bool = True, is_helper: bool = False) -> None:
        """``is_first``: this is the first process of ``spprof run``, which always writes a file and, at its end,
        reports its own files and all others. ``is_helper``: this process writes no file; only the processes that it
        forks do.
        """
        self._settings = settings
        self._recordings = recordings.of(settings)
        self._first_pid = os.getpid()
        self._is_first = is_first
        self._is_helper = is_helper
        self._family = family.Family()
        self._reserve: dict[int, int] = {}
        self._is_recording = False
        self._begins_at = 0.0
        self._begin()

    def _begin(self) -> None:
        """Reset the state to that of a process that has not written anything yet."""
        self._writing = allocate_lock()
        self._writer = 0
        self._finishing = allocate_lock()
        self._finisher = 0
        self._finished = False
        self._ending_signal = 0
        self._quiet_until = 0.0
        self._flushes = True
        self._said = ""
        self._ends_at_once = 0
        self._masks: dict[int, set[signal.Signals | int]] = {}
        self._states_before: dict[Recording, recordings.State] = {}
        self._has_written: dict[Recording, str] = {}
        """For each recording, the path of its latest file."""
        self._parent = os.getppid()
        self._number = 1
        """Number that is added to the file names if the plain names were taken."""
        self._triggers: list[Trigger] = []

    def opened_to_programs(self, variable: str) -> str:
        """Return SPPROF for programs that this one starts, extended so that they can find this process's records."""
        door = self._family.open()
        return f"{variable},run={door}" if door else variable

    def join(self, door: str) -> None:
        """Join the processes of a run. This process may be the first of them, now running another program."""
        is_joined = self._family.join(door, self._path(self._recordings[0]), self._is_helper)
        self._is_first = is_joined and self._family.is_of_this_process(door)

    def _path(self, recording: Recording) -> str:
        """Return the path to which this process writes."""
        return numbered(of_process(recording.output, os.getpid(), self._first_pid), self._number)

    def start(self) -> None:
        """Start sampling and arrange for the files to be written."""
        self._reserve = _reserved_descriptors()
        self._begins_at = monotonic() + self._settings.after
        if not self._settings.after:
            self._start_recordings()
        atexit.register(self.finish)
        for number in ENDING_SIGNALS:
            if number == self._settings.on_signal:
                continue
            if signal.getsignal(number) is signal.SIG_DFL and _engine.has_default_action(number):
                signal.signal(number, self._on_signal)
                _engine.repeat_signal(number)
        _put_before("_exit", self._before_exit)
        _put_before("abort", self._before_abort)
        _put_before("execv", self._before_exec)
        _put_before("execve", self._before_exec)
        if self._settings.follows_children:
            _put_before("posix_spawn", self._family.starts)
            _put_before("posix_spawnp", self._family.starts)
            _put_before_fork_exec(self._family.starts)
        os.register_at_fork(
            before=self._before_fork, after_in_parent=self._after_fork_in_parent, after_in_child=self._after_fork
        )
        self._start_ticking()
        self._start_timing()
        self._start_listening(is_inherited=False)
        self._start_triggers(is_inherited=False)

    def forget(self) -> None:
        """Write nothing, because the program or a profiler could not be started."""
        self._finished = True
        self._family.failed()
        self._stop_recordings()

    def _start_recordings(self) -> None:
        """Start sampling. This registers a shutdown at exit, and ``finish`` must run before that."""
        atexit.unregister(self.finish)
        for recording in self._recordings:
            recording.start()
        self._is_recording = True
        atexit.register(self.finish)

    def _stop_recordings(self) -> None:
        for recording in reversed(self._recordings):
            try:
                recording.stop()
            except Exception as error:
                self._say_failure("cannot complete what the program's own spprof.start() requested", error)

    def finish(self) -> None:
        """Write the files for the last time; the first process also prints the summary."""
        try:
            self._finish_once()
        finally:
            if self._ending_signal:
                self._die()
            if self._ends_at_once not in (0, get_ident()):
                _wait_forever()

    def _finish_once(self, *, ends_process: bool = False, only_own: bool = False) -> None:
        """Finish, unless finishing has already happened or this thread is in the middle of it. Wait if another thread
        is finishing.

        ``ends_process``: the caller ends the process when this function returns, and no other thread may end it first.
        """
        if self._finisher == get_ident():
            return
        self._finishing.acquire()
        self._finisher = get_ident()
        if ends_process:
            self._stop_listening()
        try:
            if not self._finished:
                self._finish(only_own)
        except Exception as error:  # the program must not notice any error
            self._say_failure("the profile is incomplete", error)
        finally:
            self._finished = True
            if not ends_process:
                self._finisher = 0
                self._finishing.release()

    def _finish(self, only_own: bool) -> None:
        _give_back(self._reserve)
        _engine.give_reserve_back()
        if not self._is_recording:
            if self._is_first:
                say("the program ended before the --after delay had passed; nothing was recorded", flush=self._flushes)
            return
        self._stop_recordings()
        self._show(self._write(is_last=True, only_own=only_own))
        if self._is_first:
            self._show_triggers()
            self._show_family()

    def _show_triggers(self) -> None:
        for one in self._triggers[:1]:  # the recordings share their files
            if not one.written:
                return
            count, path = one.written, visible(one.last_path)
            say(f"triggers wrote {count} snapshot{'s' if count > 1 else ''}; the latest is {path}", flush=self._flushes)

    def _show_family(self) -> None:
        """Print the list of other processes, with their files."""
        first = self._recordings[0]
        summary.show(
            family.lines(
                first.written_value if first in self._has_written else 0,
                first.told(self._path(first)),
                lambda pid: first.told(of_process(first.output, pid, self._first_pid)),
                family.read(),
                first.unit,
                self._settings.min_samples,
                os.path.join(os.path.dirname(first.output), "") if self._settings.keep else "",
            ),
            flush=self._flushes,
        )

    def _show(self, wrote: list[Recording]) -> None:
        if self._is_first:
            for recording in wrote:
                summary.show(recording.lines(self._has_written[recording]), flush=self._flushes)

    def _say_failure(self, what: str, error: Exception) -> None:
        """Print a failure, unless it is the same as the last one printed: with --every, the same failure may recur."""
        with suppress(Exception):  # memory may be exhausted
            text = f"{what}: {getattr(error, 'strerror', None) or repr(error)}"
            if text != self._said:
                say(text, flush=self._flushes)
                self._said = text

    def _write(self, *, is_last: bool, only_own: bool = False) -> list[Recording]:
        """Write the files, and return the recordings that were written; none if this thread is already writing."""
        if self._writer == get_ident():
            return []
        with self._writing:
            if (self._finished or self._finisher) and not is_last:
                return []
            if not self._is_recording:
                return []
            if not is_last and not only_own and monotonic() < self._quiet_until:
                return []
            self._writer = get_ident()
            try:
                if not self._has_own():
                    self._family.is_idle()
                    return []
                is_passing = not (is_last or only_own)
                return [one for one in self._recordings if self._write_locked(one, is_passing)]
            finally:
                self._writer = 0

    def _write_locked(self, recording: Recording, is_passing: bool) -> bool:
        """Write one file. Return False after printing the error if that fails."""
        path = recording.output
        try:
            self._leave_files_of_others()
            path = self._path(recording)
            if not self._has_room(recording, path):
                self._family.is_crowded_out()
                return False
            written = recording.write(path, self._notes(), is_passing=is_passing)
            self._has_written[recording] = written
            if recording is self._recordings[0]:
                self._family.wrote(recording.written_value, recording.told(path) if self._number > 1 else "")
        except Exception as error:  # the program must not notice any error
            self._say_failure(visible(path), error)
            self._family.failed()
            return False
        return True

    def _notes(self) -> dict[str, str]:
        """Return the file's comments about the program."""
        title = self._settings.title
        return {"script": title, **processes.program_note(os.getpid(), self._parent, title)}

    def _leave_files_of_others(self) -> None:
        """Choose free names before writing the first file. A process with the same pid, in another container or long
        ago, may have left files with these names.
        """
        if not self._is_first and not self._has_written:
            while any(recording.is_taken(self._path(recording)) for recording in self._recordings):
                self._number += 1

    # ---- Ends and replacements of the process

    def _has_own(self) -> bool:
        """Return whether this process itself has sampled enough for a file. If not, it writes none and spends no time
        on it. Most such processes are the program's helpers, which soon end or become another program.
        """
        return self._is_first or (not self._is_helper and self._own_worth() >= self._settings.min_samples)

    def _own_worth(self) -> float:
        """Return the largest worth of any recording, in samples."""
        nothing = recordings.State()
        return max(one.worth(self._states_before.get(one, nothing)) for one in self._recordings)

    def _has_room(self, recording: Recording, path: str) -> bool:
        """Return whether the folder may get another file. The more files it has, the more samples are needed."""
        if self._is_first or recording in self._has_written or not self._settings.min_samples:
            return True
        return self._own_worth() >= self._settings.min_samples << count_beside(path) // _CROWD

    def _before_exit(self, status: int) -> None:
        self._before_end(status, 0)

    def _before_abort(self) -> None:
        self._before_end(0, signal.SIGABRT)

    def _before_end(self, status: int, number: int) -> None:
        self._stop_listening()
        if self._finished:
            return
        if not self._has_own():
            self._family.is_idle()
            return
        self._ends_at_once = get_ident()
        _engine.end_within(_PATIENCE_SECONDS, status, number)
        self._flushes = False
        self._finish_once(ends_process=True, only_own=True)

    def _before_exec(self, path: Any, words: Any) -> None:
        """Write the profile so far. If exec fails, this program continues."""
        with suppress(TypeError):  # ``path`` may be a descriptor
            if not os.access(path, os.X_OK):
                return  # this is usually one of several folders in PATH
        if not self._has_own():
            self._family.becomes(path, words)
            return
        self._family.starts(path, words)
        self._flushes = False
        self._quiet_until = monotonic() + _EXEC_SECONDS  # exec in the middle of a write would leave half a file
        try:
            wrote = self._write(is_last=False, only_own=True)
            self._show(wrote)
            if self._is_first and self._recordings[0] in wrote:
                first = self._recordings[0]
                self._family.hands_over(first.written_value, first.told(self._path(first)))
        finally:
            self._flushes = True
        if self._ending_signal:  # the signal arrived earlier
            _wait_forever()

    # ---- Signals

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        sys.setrecursionlimit(sys.getrecursionlimit() + _CALLS_KEPT)  # not reset: the process ends
        _engine.signal_handled()
        self._ending_signal = number
        _engine.end_within(_PATIENCE_SECONDS, 0, number)
        self._flushes = False
        if self._finisher == get_ident():
            return  # the signal interrupted finishing, which ends the process when complete
        try:
            self._finish_once(ends_process=True)
        finally:
            self._die()

    def _die(self) -> None:
        """End the process as the signal would have, so that its parent sees the same status."""
        signal.signal(self._ending_signal, signal.SIG_DFL)
        os.kill(os.getpid(), self._ending_signal)

    # ---- Forks and periodic work

    def _before_fork(self) -> None:
        self._masks[get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)

    def _after_fork_in_parent(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._masks.pop(get_ident()))

    def _after_fork(self) -> None:
        mask = self._masks.pop(get_ident())
        is_over = self._finished
        joining.forked()
        self._begin()
        self._is_first = self._is_helper = False
        becomes_program = _is_in_fork_exec(sys._getframe(1))
        if becomes_program or is_over or not self._settings.follows_children:
            self._finished = True
            self._family.is_not_noted()
            if not becomes_program:
                self._stop_recordings()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            return
        self._family.born()
        self._states_before = {recording: recording.state() for recording in self._recordings}
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._start_ticking()
        self._start_timing()
        self._start_listening(is_inherited=True)
        self._start_triggers(is_inherited=True)
        util = sys.modules.get("multiprocessing.util")
        if util is not None:  # its workers run their finalizers, then os._exit
            util.register_after_fork(self, _finish_with_worker)

    def _start_ticking(self) -> None:
        if not self._settings.every or self._is_helper:
            return
        self._begin_job(self._tick, self._settings.every, "--every: the file will only be written at the end")

    def _start_timing(self) -> None:
        """Schedule --after and --for. In a forked child, they refer to the same points in time as in its parent."""
        if not (self._settings.after or self._settings.duration) or self._finished:
            return
        self._begin_job(self._keep_time, 0.0, "--after and --for: cannot start a timer thread")

    def _start_listening(self, *, is_inherited: bool) -> None:
        """Listen at the process's own socket in every process, but at a given address only in the process to which it
        was given, because children cannot share it.
        """
        address = self._settings.listens
        if not address or self._is_helper:
            return
        try:
            listener.listen()
            if address != BY_PID and not is_inherited:
                listener.listen(address, token=None if os.sep in address else os.environ.get("SPPROF_TOKEN"))
        except Exception as error:  # the program must not notice any error
            with suppress(Exception):
                say(f"--listen: {getattr(error, 'strerror', None) or error}", flush=self._flushes)

    def _stop_listening(self) -> None:
        if self._settings.listens:
            with suppress(Exception):
                listener.close_all()

    def _start_triggers(self, *, is_inherited: bool) -> None:
        """Start the triggers. The signal has a separate trigger, so that the others still work if the program has since
        taken the signal, as servers do.
        """
        settings = self._settings
        self._triggers = []
        if not settings.has_triggers or self._is_helper:
            return
        files = trigger_files.TriggerFiles(
            self._trigger_stem,
            self._notes,
            own_frames.heap_without_own_frames,
            lambda: self._is_recording and not self._finished,
        )
        try:
            sizes = triggers.sizes_of(settings.when_rss or None, settings.when_cgroup or None)
            if sizes or settings.on_memory_error:
                self._add_trigger(files, sizes, 0, settings.on_memory_error)
        except (RuntimeError, MemoryError) as error:
            self._say_failure("cannot start the triggers", error)
        try:
            if settings.on_signal:
                self._add_trigger(files, [], settings.on_signal, False)
        except (RuntimeError, MemoryError) as error:
            if not is_inherited:
                self._say_failure("--on-signal", error)

    def _add_trigger(self, files: TriggerFiles, sizes: list[Size], on_signal: int, on_memory_error: bool) -> None:
        def failed(error: OSError) -> None:
            self._say_failure("cannot write a triggered snapshot", error)

        self._triggers.append(triggers.Trigger(files, failed, sizes, on_signal, on_memory_error=on_memory_error))

    def _trigger_stem(self) -> str:
        with self._writing:
            self._leave_files_of_others()
        return stem_of(self._path(self._recordings[0]))

    def _begin_job(self, work: Callable[[], float | None], delay: float, without: str) -> None:
        """Add a job. ``without``: the message to print if there is no thread for it."""
        try:
            if background.add(work, delay) is None:
                self._say_failure(without, RuntimeError("can't start new thread"))
        except (RuntimeError, MemoryError) as error:
            self._say_failure(without, error)

    def _keep_time(self) -> float | None:
        if self._finished:
            return None
        now = monotonic()
        if not self._is_recording:
            if now < self._begins_at:
                return self._begins_at - now
            try:
                self._start_recordings()
            except Exception as error:
                self._say_failure("--after: cannot start sampling", error)
                return None
        if not self._settings.duration:
            return None
        ends_at = self._begins_at + self._settings.duration
        if now < ends_at:
            return ends_at - now
        self._finish_once()
        return None

    def _tick(self) -> float | None:
        if self._finished:
            return None
        with suppress(MemoryError):  # memory may become free again
            self._write(is_last=False)
        return self._settings.every


def _wait_forever() -> None:
    """Block until another thread ends the process."""
    lock = allocate_lock()
    lock.acquire()
    lock.acquire()


def _put_before(name: str, callback: Callable[..., object]) -> None:
    """Make a function of ``os`` call ``callback`` first, unless another tool has replaced that function."""
    posix = sys.modules["posix"]
    original = getattr(posix, name, None)
    if original is None or getattr(os, name, None) is not original:
        return
    wrapper = _engine.call_before(original, callback)
    if wrapper is not None:
        setattr(posix, name, wrapper)
        setattr(os, name, wrapper)


def _put_before_fork_exec(callback: Callable[..., object]) -> None:
    """Make the function with which ``subprocess`` and ``multiprocessing`` start programs call ``callback`` first."""
    with suppress(ImportError, AttributeError):
        import _posixsubprocess

        original = _posixsubprocess.fork_exec
        wrapper = _engine.call_before(original, callback)
        if wrapper is None:
            return
        _posixsubprocess.fork_exec = wrapper
        subprocess: Any = sys.modules.get("subprocess")
        if getattr(subprocess, "_fork_exec", None) is original:
            subprocess._fork_exec = wrapper


def _reserved_descriptors() -> dict[int, int]:
    """Reserve two descriptors in case the program uses up all others: one for the file to write and one for reading
    symbols.

    Return their numbers, each with the inode of the pipe to which it refers; empty if none can be spared.
    """
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
    """Close the reserved descriptors that are still ours. The program may have closed one and reused its number."""
    while reserve:
        descriptor, inode = reserve.popitem()
        with suppress(OSError):
            status = os.fstat(descriptor)
            if stat.S_ISFIFO(status.st_mode) and status.st_ino == inode:
                os.close(descriptor)


def _is_in_fork_exec(caller: FrameType) -> bool:
    """Return whether the first Python code in a child is that of ``subprocess``, which calls a preexec_fn there and
    then becomes the program. The wrapper of ``os.execv`` is not called in that case.
    """
    return caller.f_code.co_name == "_execute_child" and caller.f_globals.get("__name__") == "subprocess"


def _finish_with_worker(recorder: Recorder) -> None:
    from multiprocessing import util

    util.Finalize(None, recorder.finish, exitpriority=_LAST_OF_ALL)
