"""The CPU profiler: shows which lines of the program use its CPU time. ``spprof`` re-exports its public names.

::

    import spprof

    spprof.start()
    ...
    profile = spprof.stop()
    print(profile)
    profile.save("profile.json")

Each thread has a timer on its own CPU clock. The timer samples the thread's stack each time the thread has used
``interval_ms``; a sample's weight is the time that the thread has used since its previous sample. One profiler serves
the whole process and all its threads: these functions may be called from any thread. It may run alongside the heap
profiler (``spprof.memprof``).

Importing this package loads everything that it will ever need into memory (``spprof.on_demand``). Nothing is read
later, when the program may have changed its root directory, run out of file descriptors or been upgraded on disk.
"""

from __future__ import annotations

import atexit
import os
import time
import warnings

from spprof import _engine, environment, joining, supported
from spprof.on_demand import keep_all, module
from spprof.records import suppress
from spprof.symbolize.thread_names import ids, python_names
from spprof.teardown import is_torn_down

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Union

    from spprof import formats, results
    from spprof.cpu_time import block, decorator
    from spprof.cpu_time import profile as profiles
    from spprof.cpu_time.profile import Profile
    from spprof.results import CpuStats

    Path = Union[str, bytes, os.PathLike[str], os.PathLike[bytes]]
else:
    block, decorator = map(module, ("spprof.cpu_time.block", "spprof.cpu_time.decorator"))
    profiles = module("spprof.cpu_time.profile")
    formats, results = map(module, ("spprof.formats", "spprof.results"))

_INTERVAL_MAX_MS = 1000
_MODES = ("cpu", "wall")


class Output:
    """The file to which a profile is saved. A forked child does not share its path."""

    def __init__(self, path: Path) -> None:
        self._path = os.path.abspath(os.fsdecode(path))
        self._format = formats.format_of(self._path)
        self._pid = os.getpid()

    @property
    def path(self) -> str:
        """The path that this process writes to."""
        return self._path if os.getpid() == self._pid else f"{self._path}.{os.getpid()}"

    def save(self, profile: Profile) -> None:
        """Write the profile. OSError: the file cannot be written."""
        profile.save(self.path, self._format)


class _Session:
    """Python's data about the running profile, kept in the interpreter because this module may be imported again."""

    def __init__(self, output: Output | None, is_off: bool) -> None:
        self.output = output
        self.is_off = is_off
        """True if SPPROF=off kept the profiler from starting."""
        self.names = {} if is_off else python_names()
        self.threads_before = set() if is_off else ids()


_SESSION = "CPU session"
"""The key under which the session of the latest start is kept."""


def start(interval_ms: float = 10, *, mode: str = "cpu", native: bool = False, output_path: Path | None = None) -> None:
    """Start a new profile of all threads, including threads that start later.

    ``interval_ms``: 1 to 1000 milliseconds between two samples of a thread, 10 by default. The kernel may lengthen it
    to its own tick (up to 10 ms); each sample's weight says how much time it stands for.

    ``mode``: ``"cpu"`` measures the CPU time of each thread. ``"wall"`` measures wall-clock time, so waiting threads
    are sampled as well.

    ``native``: if true, stacks include the native frames between Python's. Otherwise they have Python frames only.

    ``output_path``: the file to which ``stop()`` also saves the profile, in the format of its suffix (``.pb.gz``,
    ``.json``, ``.collapsed``, ``.txt``, ``.html``). A profile that is never stopped is saved when the interpreter
    exits. A forked child appends its pid to the path.

    ValueError: interval out of range, unknown mode, or a suffix of no known format. TypeError: an argument has another
    type. RuntimeError: already active, or this is a subinterpreter with its own GIL. OSError: a sandbox allows neither
    timers nor a thread that sends signals, or it hides CPU time. If it refuses only timers (``timer_create`` or
    ``timer_settime``), a thread takes the samples and a RuntimeWarning says so. Under ``spprof run --cpu``, or if
    SPPROF has started the profiler, the call joins that profile, and one warning says so.
    """
    checked = _checked(interval_ms, mode, native)
    output = None if output_path is None else Output(output_path)
    if joining.joins(joining.CPU, "spprof.start()"):
        _kept_output(output)
    else:
        _warn_of_limits(_start(*checked, output))


def _kept_output(output: Output | None) -> None:
    """Also save the joined profile there when the program calls stop()."""
    session = _own_session()
    if session is not None:
        session.output = output


def stop() -> Profile:
    """Stop the profile and return it. If there is an ``output_path``, also save the profile there.

    RuntimeError: not active, or this is a subinterpreter with its own GIL. OSError: the file cannot be written; the
    profiler has stopped nevertheless. Under ``spprof run --cpu``, or if SPPROF has started the profiler, the profiler
    keeps running, and the returned profile holds everything recorded so far.
    """
    if joining.is_joined(joining.CPU):
        return _finished()
    _end_passing()
    if _engine.cpu_is_active() or not environment.is_off():
        _engine.cpu_stop()
    return _finished()


def is_active() -> bool:
    """Return whether a profile is running: true between ``start()`` and ``stop()``. A profile that only serves an HTTP
    request does not count: it ends when the program starts its own.
    """
    return _engine.cpu_is_active() and not joining.is_passing()


def stats() -> CpuStats:
    """Return the counters of the running profile or, if none is running, of the last one. All are zero before the first
    start.
    """
    counters = _engine.cpu_stats()
    return results.CpuStats(
        is_active=is_active(),
        mode=counters["mode"],
        interval_ms=counters["interval_ns"] / 1e6,
        native=counters["native"],
        ticks=counters["ticks"],
        duration_ns=counters["end_ns"] - counters["start_ns"],
        collected_samples=counters["samples"],
        sampled_ns=counters["sampled_ns"],
        process_ns=counters["process_ns"],
        overhead_ns=counters["handler_ns"],
        threads=counters["threads"],
        dropped_samples=dict(counters["dropped"]),
    )


class Profiler:
    """Profile one block of code, and everything that other threads do while it runs.

    ::

        with Profiler() as profiler:
            ...
        print(profiler.profile)

    A profiler may be reused for one block after another. Its arguments, and the ValueError and TypeError for them, are
    those of ``start()``.

    If a block is still suspended in a generator or coroutine when the interpreter exits, its profile ends then, like a
    profile that is never stopped. It is saved if there is an ``output_path``.

    RuntimeError on entering: a profile is already running (profiles do not nest), or this is a subinterpreter with its
    own GIL. Under ``spprof run --cpu``, or if SPPROF has started the profiler, a block covers part of that profile and
    uses its settings.
    """

    _is_torn_down = staticmethod(is_torn_down)

    def __init__(
        self, interval_ms: float = 10, *, mode: str = "cpu", native: bool = False, output_path: Path | None = None
    ) -> None:
        self._settings = _checked(interval_ms, mode, native)
        self._output = None if output_path is None else Output(output_path)
        self._profile: Profile | None = None
        self._joined: dict[str, Any] | None = None

    @property
    def profile(self) -> Profile:
        """The profile of the last block, even if the block raised. RuntimeError: no block has finished yet."""
        if self._profile is None:
            raise RuntimeError("the profile is made when the with block ends; read it after the block")
        return self._profile

    def __enter__(self) -> Profiler:
        _warn_of_limits(self._begin())
        return self

    def _begin(self) -> str:
        """Enter without a warning. Return the source of samples: "timer" or "thread"."""
        if joining.begins_block(joining.CPU):
            self._joined = block.begin()
            ticks = "timer"
        else:
            ticks = _start(*self._settings, self._output)
        self._profile = None
        return ticks

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._joined is not None:
            before, self._joined = self._joined, None
            joining.ends_block(joining.CPU)
            self._profile = block.profile_since(before, python_names())
            if self._output:
                self._output.save(self._profile)
            return
        if self._is_torn_down():  # the exit handler has already stopped the profiler
            return
        if is_active():  # otherwise the block itself has stopped the profiler
            _engine.cpu_stop()
        self._profile = running()
        if self._output:
            session = _own_session()
            if session is not None and session.output is self._output:
                session.output = None  # do not save it again at exit
            self._output.save(self._profile)


def running() -> Profile:
    """Return the running profile so far or, if none is running, the last one. RuntimeError: no profile was ever
    started.
    """
    if _engine.cpu_stats()["epochs"] == 0:
        if environment.is_off():
            return _nothing()
        raise RuntimeError("there is no profile; call spprof.start() first")
    session = _own_session()
    if session is None:
        return profiles.take(python_names(), set(), ids())
    return profiles.take({**session.names, **python_names()}, session.threads_before, ids())


def _nothing() -> Profile:
    """Return an empty profile. It is always the same object, because a decorated function asks for one on each call."""
    empty: Profile = _engine.kept().get("empty profile") or profiles.take({}, set(), set())
    _engine.kept()["empty profile"] = empty
    return empty


def _own_session() -> _Session | None:
    """Return this interpreter's session; None if there is none, or if another interpreter started the profile."""
    session: _Session | None = _engine.kept().get(_SESSION)
    return session if session and (session.is_off or _engine.cpu_is_own()) else None


def profile(function: Any = None, /, *arguments: Any, **settings: Any) -> Any:
    """Profile each call of a function: ``@profile``, or ``@profile(interval_ms=1)`` with the arguments of ``start()``.

    The decorated function has an attribute ``profile``: the ``Profile`` of the last finished call, or None before that.
    For generators and coroutine functions, a call spans from the first step to the last, and its profile includes what
    the program does in between. If a profile is already running, started by the function itself (recursion, another
    thread) or elsewhere, the call simply runs as part of that profile. A call never fails because of the profiler: if
    the profiler cannot start, or a profile cannot be saved, the function's first RuntimeWarning says why.

    ValueError and TypeError as for ``start()``; TypeError for a class.
    """
    if function is None or not callable(function):
        given = arguments if function is None else (function, *arguments)
        profiler = Profiler(*given, **settings)
        return lambda wrapped: decorator.decorate(wrapped, profiler, _by_thread())
    return decorator.decorate(function, Profiler(*arguments, **settings), _by_thread())


# ---- A profile on behalf of a client outside the program


class PassingProfile:
    """A profile that the program did not start. It ends early if the program starts its own, and in a forked child.

    Only one thread may use this object. Any thread of the program may end the profile at any time.
    """

    def __init__(self, interval_ms: float, mode: str) -> None:
        """Start the profile. ValueError, RuntimeError and OSError as for ``start()``."""
        kept, first = _engine.kept(), object()
        if kept.setdefault(_HOOKED, first) is first:
            os.register_at_fork(after_in_child=_drop_passing)
        self._profile: Profile | None = None
        self._enders: dict[str, object] = {}
        _start(*_checked(interval_ms, mode, False), None)
        self._epoch = _engine.cpu_stats()["epochs"]
        kept[joining.PASSING] = self

    @property
    def is_over(self) -> bool:
        """True if the profile has ended, through this object or because the program ended it."""
        return _engine.kept().get(joining.PASSING) is not self

    def end(self) -> Profile | None:
        """End the profile and return it. None: another thread is ending the profile, or it could not be read."""
        me = object()
        if self._enders.setdefault("first", me) is me and not self.is_over:
            try:
                _stop_running()
                profile = running()
                if _engine.cpu_stats()["epochs"] == self._epoch:
                    self._profile = profile
            finally:
                _engine.kept().pop(joining.PASSING, None)
        return self._profile


_HOOKED = "temporary CPU profiles end in child processes"
_ENDING_TRIES, _ENDING_SECONDS = 2000, 0.001
"""How many times a start waits for another thread to end such a profile, and how long each wait is."""


def _stop_running() -> None:
    with suppress(RuntimeError):  # the program's handler for its signal, or a shutdown, has already stopped it
        _engine.cpu_stop()


def _end_passing() -> None:
    """End a profile that the program did not start, so that the program's own can begin."""
    passing: PassingProfile | None = _engine.kept().get(joining.PASSING)
    if passing is None:
        return
    with suppress(Exception):  # the program must continue
        passing.end()
    for _ in range(_ENDING_TRIES):
        if passing.is_over:
            break
        time.sleep(_ENDING_SECONDS)


def _drop_passing() -> None:
    """Drop the profile in a forked child: no client has asked the child for one."""
    if _engine.kept().pop(joining.PASSING, None) is not None:
        _stop_running()


# ---- Starting and finishing


def _start(interval_ns: int, mode: str, native: bool, output: Output | None) -> str:
    """Begin a session. Return the source of samples: "timer" or "thread"."""
    keep_all()
    _end_passing()
    session = _Session(output, environment.keeps_from_starting())
    ticks = "timer" if session.is_off else _engine.cpu_start(interval_ns, mode, native)
    kept, first = _engine.kept(), object()
    kept[_SESSION] = session
    if not session.is_off:
        _engine.take_reserve()
    if kept.setdefault("CPU ends at exit", first) is first:
        atexit.register(_at_exit)
    return ticks


BY_THREAD = (
    "the system does not permit timers (timer_create, timer_settime), so a thread takes the samples at wall-clock "
    "intervals; weights are still CPU time"
)


def _by_thread() -> str:
    """Return the warning about a thread in place of timers; "" on macOS, which has no timers to permit."""
    return "" if supported.is_macos() else BY_THREAD


_UNLISTED = (
    "the threads cannot be listed (is /proc mounted and readable?), so only the thread that starts the profile may be "
    "sampled: make /proc/self/task readable"
)


def _warn_of_limits(ticks: str) -> None:
    """Warn about what the system withholds. The warning points at the caller's caller."""
    by_thread = _by_thread() if ticks == "thread" else ""
    words = [by_thread] if by_thread else []
    if not _finds_threads(ticks):
        words.append(_UNLISTED)
    if not words:
        return
    try:
        for one in words:
            warnings.warn(one, RuntimeWarning, stacklevel=3)
    except RuntimeWarning:  # a filter turned it into an error: leave nothing started
        _engine.cpu_stop()
        raise


def _finds_threads(ticks: str) -> bool:
    """Return whether the profiler finds other threads: through the list of threads or, on Linux 6.4 and later, through
    the signals of the process's timer.
    """
    return bool(ids()) or (ticks == "timer" and _linux() >= (6, 4))


def _linux() -> tuple[int, ...]:
    return tuple(int(number) for number in os.uname().release.split("-")[0].split(".")[:2] if number.isdigit())


_ENDED_EARLY = {
    "displaced": "the program replaced the CPU profiler's signal handler with its own, and nothing was sampled from "
    "then on; install that handler before spprof.start(), which then picks another signal",
    "gave_up": "almost none of this interpreter's stacks could be read, so sampling stopped; it may not be the build "
    "that spprof was installed for: reinstall spprof with this interpreter "
    "(pip install --force-reinstall --no-cache-dir spprof)",
}
"""The warnings, keyed by the counter that causes them."""


def _warn(words: str) -> None:
    warnings.warn(words, RuntimeWarning, stacklevel=4)


def _finished() -> Profile:
    """Return the profile that was just stopped, and save it if it has an output path."""
    taken = running()
    stats = _engine.cpu_stats()
    for counter, words in _ENDED_EARLY.items():
        if stats[counter]:  # type: ignore[literal-required]
            _warn(words)
    session = _own_session()
    if session is not None and session.output:
        output, session.output = session.output, None
        output.save(taken)
    return taken


def _at_exit() -> None:
    """Stop sampling before the interpreter is torn down. A subinterpreter stops only what it started."""
    session = _own_session()
    if _engine.cpu_is_active() and (session is not None or _engine.is_main_interpreter()):
        _engine.cpu_stop()
    elif session is None or not session.is_off:
        return
    if session is not None and session.output:
        session.output.save(running())


def _checked(interval_ms: float, mode: str, native: bool) -> tuple[int, str, bool]:
    """Return the arguments of ``start()`` as the engine takes them: (nanoseconds between samples, mode, native)."""
    if isinstance(interval_ms, (bool, str, bytes)):
        raise TypeError(f"interval_ms must be a number, not {type(interval_ms).__name__}")
    try:
        interval = float(interval_ms)
    except OverflowError:  # an integer too large for a float
        interval = float("inf")
    except TypeError:
        raise TypeError(f"interval_ms must be a number, not {type(interval_ms).__name__}") from None
    if not 1 <= interval <= _INTERVAL_MAX_MS:
        raise ValueError(
            f"interval_ms must be between 1 and {_INTERVAL_MAX_MS} milliseconds, not {interval_ms}; 10 is the default"
        )
    if mode not in _MODES:
        raise ValueError(f"unknown mode {mode!r}; use one of {', '.join(map(repr, _MODES))}")
    if not isinstance(native, bool):
        raise TypeError(f"native must be True or False, not {native!r}")
    return round(interval * 1e6), mode, native
