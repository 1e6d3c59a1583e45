"""Jobs that are done every so often, on one thread that is made in C.

    add ─► jobs ─► the thread: sleeps until the next is due ─► does it, with the GIL ─► sleeps
    fork:  the thread ends ─► fork ─┬─► parent: it begins again
                                    └─► child: no jobs and no thread, until it adds some

``threading`` does not know the thread, whatever has been put in its place. CPython, which since 3.12 warns of threads
at a fork by what the kernel counts, finds none of ours. There is no thread without jobs.

Fork: a job that is being done then is asked to give up (``give_way``) and done anew afterwards; it is waited for, but
not for long. Where it had to give way a few times, it is waited for until it is done.
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
"""How long a fork waits for a job at the most: one that waits for a disk is left alone."""
_END_SECONDS: Final = 30.0
"""How long the end of the program waits for a job."""
_GIVEN_WAY: Final = 3
"""So often in a row a job gives way to forks."""
_SHARE: Final = 20
"""One part in so many of a core a job may take."""
_NO_MEMORY_SECONDS: Final = 1.0


class GaveWayError(BaseException):
    """The job has stopped in the middle, for a fork. Nothing between the two catches it."""


class Job:
    """Something that is done every so often."""

    def __init__(
        self, work: Callable[[], float | None], delay: float, is_wanted: Callable[[], bool], is_paced: bool
    ) -> None:
        """``work`` returns how many seconds after this call the next is due; None: there is none."""
        self.work = work
        self.is_wanted = is_wanted
        self.is_paced = is_paced
        self.due = monotonic() + delay
        self.rests_until = 0.0
        self.process = os.getpid()
        self.given_way = 0
        self.is_settled = False
        """Whether it has been done: the first time modules are run, and much is met that is known later."""


class _State:
    """Of the process. It outlives this module where the program imports the package anew."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.forks = 0
        """How many threads are forking."""
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
    """Have ``work`` called in ``delay`` seconds, and again as many seconds after each call as it returns; later where
    it would take more than one part in _SHARE of a core, unless it is not paced. None: there is no thread for it.

    ``is_wanted``: whether it is to be called before it is due. It is asked whenever the thread is woken
    (``_engine.background_wake``, or its like in C). One that is paced waits for its share all the same.

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
    """Have it called no more. It may be at work just now."""
    with suppress(ValueError):
        _state().jobs.remove(job)
    _engine.background_wake()


def finish(job: Job) -> bool:
    """Have it called no more, and wait until it is not at work. False: it is still, after _END_SECONDS.

    The thread is stopped for that: no lock of Python's is needed, which a program may have replaced by one that does
    not work on threads it does not know.
    """
    remove(job)
    is_over = _engine.background_stop(_END_SECONDS)
    state = _state()
    if state.jobs:
        _begin(state)
    return is_over


def give_way() -> None:
    """Called by work that can be done anew: GaveWayError where a fork waits for it."""
    job = _state().current
    if job is not None and job.given_way < _GIVEN_WAY and _engine.background_is_stopping():
        job.given_way += 1
        raise GaveWayError


def _begin(state: _State) -> bool:
    return state.forks > 0 or _engine.background_start(_work)


def _work() -> float | None:
    """Do what is due, and tell in how many seconds there is more; None: there are no jobs."""
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
    """When the thread is to wake for it."""
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
    except MemoryError:  # there may be some again
        seconds = _NO_MEMORY_SECONDS
    except Exception:
        seconds = None  # whatever it is, it is not the program's
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
    """Jobs are those of the process that added them."""
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
    if state.jobs:  # added by who was told of the fork before
        _begin(state)


def _at_exit() -> None:
    """What runs Python while the interpreter is taken down would be stopped for good in the middle of it."""
    state = _state()
    state.jobs.clear()
    _engine.background_stop(_END_SECONDS)
