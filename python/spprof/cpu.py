"""The CPU profiler: which lines of the program use its time. ``spprof`` itself exports what stands here.

    import spprof

    spprof.start()
    ...
    profile = spprof.stop()
    print(profile)
    profile.save("profile.json")

Each thread has a timer on its own CPU clock, and is asked where it is each ``interval_ms`` that it has used; a sample
weighs what the thread used since the one before. One profiler serves the whole process, all threads of it: these
functions may be called from any thread. It may run beside the heap profiler (``spprof.memprof``).

Importing this package brings all that it will ever need into memory (``spprof.on_demand``): nothing is read later, when
the program has changed its root, used up its descriptors or been upgraded on disk.
"""

from __future__ import annotations

import atexit
import os
import time
import warnings

from spprof import _engine, environment, joining
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
    """The file of a profile: a path that a forked child does not share."""

    def __init__(self, path: Path) -> None:
        self._path = os.path.abspath(os.fsdecode(path))
        self._format = formats.format_of(self._path)
        self._pid = os.getpid()

    @property
    def path(self) -> str:
        """Where this process writes."""
        return self._path if os.getpid() == self._pid else f"{self._path}.{os.getpid()}"

    def save(self, profile: Profile) -> None:
        """Writes the profile. OSError: it cannot be written."""
        profile.save(self.path, self._format)


class _Session:
    """What Python knows of the profile that is running, in the interpreter's keeping: modules may be imported anew."""

    def __init__(self, output: Output | None, is_off: bool) -> None:
        self.output = output
        self.is_off = is_off
        """It was kept from starting."""
        self.names = {} if is_off else python_names()
        self.threads_before = set() if is_off else ids()


_SESSION = "CPU session"
"""Where the session of the latest start is kept."""


def start(interval_ms: float = 10, *, mode: str = "cpu", native: bool = False, output_path: Path | None = None) -> None:
    """Start a new profile of all threads, including those that come later.

    ``interval_ms``: 1 to 1000 milliseconds between two samples of a thread, 10 by default. The kernel may make it
    longer, to a tick of its own (up to 10 ms); weights say what each sample stands for.

    ``mode``: ``"cpu"`` measures CPU time, each thread's own. ``"wall"`` measures time by the clock: threads that wait
    are sampled as well.

    ``native``: whether stacks have native frames between Python's; without, they are those of Python alone.

    ``output_path``: where ``stop()`` also saves the profile, in the format of the suffix (``.pb.gz``, ``.json``,
    ``.collapsed``, ``.txt``, ``.html``); a profile that is never stopped is saved when the interpreter exits. A forked
    child writes to the same path with its pid behind it.

    ValueError: interval out of range, unknown mode, a suffix that means no format. TypeError: arguments of other
    types. RuntimeError: already active, or this is a subinterpreter with its own GIL. OSError: a sandbox grants neither
    timers nor a thread that sends signals, or refuses to tell CPU time. Where it refuses only timers (``timer_create``
    or ``timer_settime``), a RuntimeWarning says so, and a thread takes the samples. Under ``spprof run --cpu``, or
    where SPPROF has started the profiler, the call joins that profile, and one warning says so.
    """
    checked = _checked(interval_ms, mode, native)
    output = None if output_path is None else Output(output_path)
    if joining.joins(joining.CPU, "spprof.start()"):
        _kept_output(output)
    else:
        _warn_of_limits(_start(*checked, output))


def _kept_output(output: Output | None) -> None:
    """The profile that is running is saved there, too, at the program's stop."""
    session = _own_session()
    if session is not None:
        session.output = output


def stop() -> Profile:
    """Stop the profile and return it; with an ``output_path`` also save it there.

    RuntimeError: not active, or this is a subinterpreter with its own GIL. OSError: the file cannot be written; the
    profiler has stopped nevertheless. Under ``spprof run --cpu``, or where SPPROF has started the profiler, it goes on,
    and the profile is of all that it has recorded.
    """
    if joining.is_joined(joining.CPU):
        return _finished()
    _end_passing()
    if _engine.cpu_is_active() or not environment.is_off():
        _engine.cpu_stop()
    return _finished()


def is_active() -> bool:
    """Return whether a profile is being made: between ``start()`` and ``stop()``. One that a request over HTTP makes
    by itself does not count: it ends where the program begins its own."""
    return _engine.cpu_is_active() and not joining.is_passing()


def stats() -> CpuStats:
    """Return the profiler's counters, of the running profile or of the last. Zeros before the first start."""
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
    """Profile one block of code, and what all other threads do meanwhile.

        with Profiler() as profiler:
            ...
        print(profiler.profile)

    It may be used again, one block after the other. The arguments, and ValueError and TypeError for them, are those of
    ``start()``.

    A block that is suspended in a generator or coroutine when the interpreter exits ends there, like a profile that is
    never stopped: with an ``output_path`` it is saved.

    RuntimeError on entering: a profile is being made already (they do not nest), or this is a subinterpreter with its
    own GIL. Under ``spprof run --cpu``, or where SPPROF has started the profiler, a block is a part of that profile,
    with its settings.
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
        """What the block did, also if it raised. RuntimeError: no block has finished yet."""
        if self._profile is None:
            raise RuntimeError("the profile is made when the with block ends; read it after the block")
        return self._profile

    def __enter__(self) -> Profiler:
        _warn_of_limits(self._begin())
        return self

    def _begin(self) -> str:
        """Enter without a warning, and return what gives the ticks."""
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
        if self._is_torn_down():  # the exit handler has ended it
            return
        if is_active():  # else the block itself has stopped the profiler
            _engine.cpu_stop()
        self._profile = running()
        if self._output:
            session = _own_session()
            if session is not None and session.output is self._output:
                session.output = None  # it is not to be saved again at exit
            self._output.save(self._profile)


def running() -> Profile:
    """The profile so far, or the last one. RuntimeError: nothing was ever started."""
    if _engine.cpu_stats()["epochs"] == 0:
        if environment.is_off():
            return _nothing()
        raise RuntimeError("there is no profile; call spprof.start() first")
    session = _own_session()
    if session is None:
        return profiles.take(python_names(), set(), ids())
    return profiles.take({**session.names, **python_names()}, session.threads_before, ids())


def _nothing() -> Profile:
    """An empty profile, the same each time: a decorated function makes one at each call."""
    empty: Profile = _engine.kept().get("empty profile") or profiles.take({}, set(), set())
    _engine.kept()["empty profile"] = empty
    return empty


def _own_session() -> _Session | None:
    """Return None, too, where another interpreter began the profile."""
    session: _Session | None = _engine.kept().get(_SESSION)
    return session if session and (session.is_off or _engine.cpu_is_own()) else None


def profile(function: Any = None, /, *arguments: Any, **settings: Any) -> Any:
    """Profile each call of a function: ``@profile``, or ``@profile(interval_ms=1)`` with the arguments of ``start()``.

    The decorated function has an attribute ``profile``: the ``Profile`` of the last call that ended, None before. Of a
    generator or a coroutine function a call lasts from its first step to its end, and shows what the program does
    meanwhile. A call while a profile is being made already, its own (recursion, another thread) or another's, just
    runs: it is part of that profile. A call never fails for the profiler: where it cannot start, or a profile cannot be
    saved, the function's first RuntimeWarning says why.

    ValueError and TypeError as ``start()``; TypeError for a class.
    """
    if function is None or not callable(function):
        given = arguments if function is None else (function, *arguments)
        profiler = Profiler(*given, **settings)
        return lambda wrapped: decorator.decorate(wrapped, profiler, BY_THREAD)
    return decorator.decorate(function, Profiler(*arguments, **settings), BY_THREAD)


# ---- A profile for somebody outside the program


class PassingProfile:
    """A profile that the program knows nothing of, and that ends early where the program begins one itself.

    In a forked child it is over. For one thread; the program's own may end it meanwhile.
    """

    def __init__(self, interval_ms: float, mode: str) -> None:
        """ValueError, RuntimeError and OSError as ``start()``."""
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
        """Whether it has been ended, by whomever."""
        return _engine.kept().get(joining.PASSING) is not self

    def end(self) -> Profile | None:
        """End it, and return what it is. None: another thread is just ending it, or it could not be looked at."""
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


_HOOKED = "passing CPU profiles end in children"
_ENDING_TRIES, _ENDING_SECONDS = 2000, 0.001
"""How often, and how long each time, a start waits while another thread ends such a profile."""


def _stop_running() -> None:
    with suppress(RuntimeError):  # its handler's signal, or a shutdown, has ended it
        _engine.cpu_stop()


def _end_passing() -> None:
    """What the program begins takes the place of a profile that is not its own."""
    passing: PassingProfile | None = _engine.kept().get(joining.PASSING)
    if passing is None:
        return
    with suppress(Exception):  # the program is to go on
        passing.end()
    for _ in range(_ENDING_TRIES):
        if passing.is_over:
            break
        time.sleep(_ENDING_SECONDS)


def _drop_passing() -> None:
    """In a child, which nobody has asked for one."""
    if _engine.kept().pop(joining.PASSING, None) is not None:
        _stop_running()


# ---- Starting and finishing


def _start(interval_ns: int, mode: str, native: bool, output: Output | None) -> str:
    """Begin a session, and return what gives the ticks: "timer" or "thread"."""
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
    "the system refuses timers (timer_create, timer_settime), so a thread takes the samples, by the clock; "
    "weights are CPU time all the same"
)


_UNLISTED = (
    "the threads cannot be listed (is /proc mounted, and readable?), so only the one that starts the profile may be "
    "sampled: make /proc/self/task readable"
)


def _warn_of_limits(ticks: str) -> None:
    """Say what the system withholds, at the caller of the caller."""
    words = [BY_THREAD] if ticks == "thread" else []
    if not _finds_threads(ticks):
        words.append(_UNLISTED)
    if not words:
        return
    try:
        for one in words:
            warnings.warn(one, RuntimeWarning, stacklevel=3)
    except RuntimeWarning:  # made an error: nothing was started then
        _engine.cpu_stop()
        raise


def _finds_threads(ticks: str) -> bool:
    """Whether other threads are found: by the list, or from Linux 6.4 on by the signals of the process's timer."""
    return bool(ids()) or (ticks == "timer" and _linux() >= (6, 4))


def _linux() -> tuple[int, ...]:
    return tuple(int(number) for number in os.uname().release.split("-")[0].split(".")[:2] if number.isdigit())


_ENDED_EARLY = {
    "displaced": "the program has put a handler of its own in the place of the CPU profiler's, whose signal was free "
    "when it started: from then on nothing was sampled; install that handler before spprof.start()",
    "gave_up": "hardly a stack of this interpreter could be read, and sampling has given up: is it the very build that "
    "spprof was installed for? Reinstall spprof with it (pip install --force-reinstall --no-cache-dir spprof)",
}
"""What is said where the counters have this set."""


def _warn(words: str) -> None:
    warnings.warn(words, RuntimeWarning, stacklevel=4)


def _finished() -> Profile:
    """The profile that has just been stopped, saved where that was asked for."""
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
    """No sample is taken while the interpreter is torn down. A subinterpreter ends what it has begun."""
    session = _own_session()
    if _engine.cpu_is_active() and (session is not None or _engine.is_main_interpreter()):
        _engine.cpu_stop()
    elif session is None or not session.is_off:
        return
    if session is not None and session.output:
        session.output.save(running())


def _checked(interval_ms: float, mode: str, native: bool) -> tuple[int, str, bool]:
    """The arguments of ``start()`` as the engine takes them: (nanoseconds between samples, mode, native)."""
    if isinstance(interval_ms, (bool, str, bytes)):
        raise TypeError(f"interval_ms must be a number, not {type(interval_ms).__name__}")
    try:
        interval = float(interval_ms)
    except OverflowError:  # an integer that no float holds
        interval = float("inf")
    except TypeError:
        raise TypeError(f"interval_ms must be a number, not {type(interval_ms).__name__}") from None
    if not 1 <= interval <= _INTERVAL_MAX_MS:
        raise ValueError(
            f"interval_ms must lie between 1 and {_INTERVAL_MAX_MS} milliseconds, not {interval_ms}; 10 is the default"
        )
    if mode not in _MODES:
        raise ValueError(f"unknown mode {mode!r}; use one of {', '.join(map(repr, _MODES))}")
    if not isinstance(native, bool):
        raise TypeError(f"native must be True or False, not {native!r}")
    return round(interval * 1e6), mode, native
