"""Periodic jobs, on one thread created in C.

    add ─► jobs ─► the thread: sleeps until the next one is due ─► runs it, with the GIL ─► sleeps
    fork:  the thread ends ─► fork ─┬─► parent: it starts again
                                    └─► child: no jobs and no thread, until it adds some

``threading`` does not know about the thread, even if another library has replaced that module. Since 3.12, CPython
warns about threads at a fork, based on the kernel's count. This thread has ended by then, so it is not counted. Without
jobs there is no thread.

Fork: a job that is running is asked to give up (``give_way``) and runs again from its start afterwards. The fork waits
for the job, but not for long. After giving way a few times, the job is allowed to finish.
"""

from __future__ import annotations

import atexit
import os
from time import monotonic, thread_time

from spprof import _engine
from spprof.records import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

_FORK_SECONDS: Final = 2.0
"""Maximum time in seconds that a fork waits for a job. After that, the job is left alone; it may be waiting for a disk.
"""
_END_SECONDS: Final = 30.0
"""Maximum time in seconds that the program's exit waits for a job."""
_GIVEN_WAY: Final = 3
"""How many times in a row a job gives way to forks."""
_SHARE: Final = 20
"""A job may use 1/_SHARE of a core."""
_NO_MEMORY_SECONDS: Final = 1.0


class GaveWayError(BaseException):
    """The job has stopped midway because of a fork. No code between raising and handling it catches it."""


class Job:
    """Work to be done periodically."""

    def __init__(
        self, work: Callable[[], float | None], delay: float, is_wanted: Callable[[], bool], is_paced: bool
    ) -> None:
        """``work`` returns the number of seconds, counted from the start of this call, until it is due again; None:
        never.
        """
        self.work = work
        self.is_wanted = is_wanted
        self.is_paced = is_paced
        self.due = monotonic() + delay
        self.rests_until = 0.0
        self.process = os.getpid()
        self.given_way = 0
        self.is_settled = False
        """True after the first run, which loads modules and fills caches, so its time does not count."""


class _State:
    """The process's state. It survives even if the program imports the package again."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.forks = 0
        """The number of threads that are currently forking."""
        self.is_hooked = False
        self.current: Job | None = None


def _state() -> _State:
    found: _State = _engine.kept().setdefault("background", _no_state)
    return found


_no_state = _State()


def _is_never_wanted() -> bool:
    return False


def add(
    work: Callable[[], float | None],
    delay: float = 0.0,
    *,
    is_wanted: Callable[[], bool] = _is_never_wanted,
    is_paced: bool = True,
) -> Job | None:
    """Call ``work`` in ``delay`` seconds. Each call returns the number of seconds, counted from its own start, until
    the next call.

    A paced job is called later if it would otherwise use more than 1/_SHARE of a core. Return None if there is no
    thread for it.

    ``is_wanted``: returns True if the job is to be called before it is due. It is checked whenever the thread is woken
    (``_engine.background_wake``, or its equivalent in C). A paced job still waits for its share.

    RuntimeError: this is a subinterpreter.
    """
    if not _engine.is_main_interpreter():
        raise RuntimeError("background work can only be started in the main interpreter")
    state = _state()
    _drop_inherited(state)
    job = Job(work, delay, is_wanted, is_paced)
    state.jobs.append(job)
    if not state.is_hooked:
        state.is_hooked = True
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
        atexit.register(_at_exit)
    if not _begin(state):
        state.jobs.remove(job)
        return None
    return job


def remove(job: Job) -> None:
    """Remove the job. It may still be running."""
    with suppress(ValueError):
        _state().jobs.remove(job)
    _engine.background_wake()


def finish(job: Job) -> bool:
    """Remove the job and wait until it is not running. False: it is still running after _END_SECONDS.

    The wait stops the thread, so it needs no Python lock. The program may have replaced Python's locks with locks that
    do not work on threads unknown to it.
    """
    remove(job)
    is_over = _engine.background_stop(_END_SECONDS)
    state = _state()
    if state.jobs:
        _begin(state)
    return is_over


def give_way() -> None:
    """Raise GaveWayError if a fork is waiting for the job. Restartable work calls this."""
    job = _state().current
    if job is not None and job.given_way < _GIVEN_WAY and _engine.background_is_stopping():
        job.given_way += 1
        raise GaveWayError


def _begin(state: _State) -> bool:
    return state.forks > 0 or _engine.background_start(_work)


def _work() -> float | None:
    """Run the jobs that are due. Return the seconds until the next one is due; None: there are no jobs."""
    state = _state()
    try:
        for job in list(state.jobs):
            if _engine.background_is_stopping():
                return 0.0
            if _due(job) <= monotonic() or (job.is_wanted() and not job.is_paced):
                _do(state, job)
        return max(min(map(_due, state.jobs)) - monotonic(), 0.0) if state.jobs else None
    except MemoryError:
        return _NO_MEMORY_SECONDS


def _due(job: Job) -> float:
    """Return when the thread must wake up for the job."""
    return job.rests_until if job.is_paced and job.is_wanted() else job.due


def _do(state: _State, job: Job) -> None:
    seconds = None
    began, used = monotonic(), thread_time()
    state.current = job
    try:
        seconds = job.work()
        job.given_way = 0
    except GaveWayError:
        return
    except MemoryError:  # memory may become free again
        seconds = _NO_MEMORY_SECONDS
    except Exception:
        seconds = None  # the program must not notice any error
    finally:
        state.current = None
    if seconds is not None:
        rest = (_SHARE - 1) * (thread_time() - used) if job.is_settled and job.is_paced else 0.0
        job.rests_until = monotonic() + rest
        job.due = max(began + seconds, job.rests_until)
        job.is_settled = True
    else:
        with suppress(ValueError):
            state.jobs.remove(job)


def _drop_inherited(state: _State) -> None:
    """Drop the jobs that a parent of this process added."""
    here = os.getpid()
    if any(job.process != here for job in state.jobs):
        state.jobs[:] = [job for job in state.jobs if job.process == here]


def _before_fork() -> None:
    state = _state()
    state.forks += 1
    if state.jobs:
        _engine.background_stop(_FORK_SECONDS)


def _after_fork() -> None:
    state = _state()
    state.forks -= 1
    if state.jobs and not state.forks:
        _begin(state)


def _in_child() -> None:
    state = _state()
    state.forks = 0
    state.current = None
    _drop_inherited(state)
    if state.jobs:  # added by a fork handler that ran before this one
        _begin(state)


def _at_exit() -> None:
    """Stop the thread: Python code that runs while the interpreter shuts down would be suspended midway and never
    resume.
    """
    state = _state()
    state.jobs.clear()
    _engine.background_stop(_END_SECONDS)
