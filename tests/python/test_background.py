"""Background work runs on one thread, which is created in C. The thread does not exist during a fork or while there are
no jobs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from child import Child
from specimens import specimen
from spprof import _engine
from spprof.serve import background


def threads() -> set[str]:
    """Return the kernel's ids of this process's threads. Those of an earlier test may still be ending."""
    return set(os.listdir("/proc/self/task"))


@pytest.fixture(autouse=True)
def no_jobs() -> Iterator[None]:
    yield
    for job in list(background._state().jobs):
        background.remove(job)
    assert _engine.background_stop(60.0)


def test_a_job_is_done_again_and_again_until_it_says_so():
    before, calls, over = threads(), [], threading.Event()

    def work() -> float | None:
        calls.append(len(threads() - before))
        if len(calls) < 5:
            return 0.0
        over.set()
        return None

    assert background.add(work) is not None
    over.wait()
    assert _engine.background_stop(60.0)
    assert (calls, threads() - before) == ([1] * 5, set())


def test_the_thread_is_unknown_to_threading_and_gone_with_its_jobs():
    known, over, before = [], threading.Event(), threads()

    def work() -> None:
        known.append(len(threading.enumerate()))
        over.set()

    background.add(work)
    over.wait()
    assert _engine.background_stop(60.0)
    assert (known, threads() - before) == ([len(threading.enumerate())], set())


def test_a_job_that_is_removed_is_done_no_more():
    called = threading.Event()

    def work() -> float:
        called.set()
        return 0.0

    job = background.add(work)
    assert job is not None
    called.wait()
    background.remove(job)
    assert _engine.background_stop(60.0)
    called.clear()
    other, over = threading.Event(), threading.Event()
    background.add(lambda: over.set() if other.is_set() else other.set() or 0.0)
    over.wait()
    assert not called.is_set()


def test_an_error_ends_a_job_and_no_other():
    over = threading.Semaphore(0)

    def work() -> float:
        over.release()
        return 0.0

    def fails() -> float:
        over.release()
        raise ValueError("not ours to show")

    background.add(fails)
    over.acquire()
    background.add(work)
    for _ in range(3):
        over.acquire()
    assert [job.work for job in background._state().jobs] == [work]


def test_a_stop_on_the_thread_itself_does_not_wait():
    found, over = [], threading.Event()

    def work() -> None:
        found.append(_engine.background_stop(60.0))
        over.set()

    background.add(work)
    over.wait()
    assert found == [False]


def test_two_who_stop_it_and_one_who_starts_it_agree():
    calls = threading.Semaphore(0)

    def work() -> float:
        calls.release()
        return 0.0

    def stops() -> None:
        for _ in range(300):
            _engine.background_stop(60.0)

    background.add(work)
    others = [threading.Thread(target=stops) for _ in range(2)]
    for other in others:
        other.start()
    for _ in range(300):
        background._begin(background._state())
    for other in others:
        other.join()
    background._begin(background._state())
    while calls.acquire(blocking=False):
        pass
    calls.acquire()
    assert len(threads()) >= 2


def test_its_end_is_not_the_programs(child: Child):
    """At interpreter shutdown, work in progress is waited for."""
    program = (
        "import threading\n"
        "from spprof.serve import background\n"
        "begun = threading.Event()\n"
        "def work():\n"
        "    begun.set()\n"
        "    print('done', flush=True)\n"
        "    return 0.0\n"
        "background.add(work)\n"
        "begun.wait()\n"
    )
    assert child.run(program).startswith("done\n")


def test_forks_find_no_thread_of_ours(child: Child):
    assert child.run(specimen("background/forks"), "100") == "[]\n"


def test_a_fork_does_not_wait_for_good(child: Child):
    assert child.run(specimen("background/hung_at_fork")) == "done\n"


def test_a_job_gives_way_to_forks_and_not_forever(child: Child):
    child.run(specimen("background/gives_way"))
