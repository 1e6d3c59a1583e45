"""Every thread is profiled: Python threads and C threads, created before or after the start, with small stacks and
blocked signals.
"""

from __future__ import annotations

import sys

import pytest
from child import Spender
from specimens import specimen


def test_threads_that_start_later_are_told_all_their_time(spender: Spender):
    spender.run(specimen("cpu_threads/threads_that_start_later_are_told_all_their_time"))


@pytest.mark.parametrize("stack_size", [0, 65536], ids=["usual stacks", "stacks of 64 KB"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_threads_of_c_are_found_and_have_no_python_frames(spender: Spender, when: str, stack_size: int):
    spender.run(specimen("cpu_threads/threads_of_c_are_found_and_have_no_python_frames"), when, str(stack_size))


def test_a_thread_that_blocks_signals_is_named_with_its_time(spender: Spender):
    spender.run(specimen("cpu_threads/a_thread_that_blocks_signals_is_named_with_its_time"))


def test_a_thread_that_blocks_sigprof_is_sampled(spender: Spender):
    spender.run("""
        def blocking():
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPROF, signal.SIGALRM, signal.SIGVTALRM])
            spend(0.3)

        spprof.start(interval_ms=1)
        thread, = in_threads(1, blocking)
        check_seconds(spprof.stop(), "blocking", 0.3, thread_id=thread.native_id)
    """)


@pytest.mark.long
def test_ten_thousand_short_threads_lose_no_time(spender: Spender):
    """Most of the threads live for less than one kernel tick."""
    spender.run(specimen("cpu_threads/ten_thousand_short_threads_lose_no_time"))


def test_a_thread_with_room_on_its_alternate_stack_is_sampled(spender: Spender):
    spender.run("""
        spprof.start(interval_ms=1, native=True)
        assert burners.burners_start(2, 500_000_000, False, 0, 65536) == 2
        burners.burners_join()
        profile = spprof.stop()
        check_seconds(profile, "burn", 1, times=4)
        assert not drops_within(), drops()
    """)


INNER = """
import time
def inner():
    end = time.thread_time() + 0.3
    while time.thread_time() < end: pass
inner()
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="interpreters with their own GIL exist from 3.12 on")
def test_interpreters_with_locks_of_their_own_are_profiled(spender: Spender):
    spender.run(specimen("cpu_threads/interpreters_with_locks_of_their_own_are_profiled"), INNER)


def test_an_interpreter_in_the_same_thread_loses_no_time(spender: Spender):
    """Before 3.12, the thread's own frames are those of its first interpreter; from 3.12 on, of the running one."""
    spender.run(specimen("cpu_threads/an_interpreter_in_the_same_thread_loses_no_time"), INNER)


def test_greenlets_are_told_their_own_stacks(spender: Spender):
    pytest.importorskip("greenlet", reason="greenlet is not installed: pip install greenlet")
    spender.run(specimen("cpu_threads/greenlets"))


def test_a_program_of_gevents_runs_on_and_is_told_who_spends(spender: Spender):
    pytest.importorskip("gevent", reason="gevent is not installed: pip install gevent")
    spender.run(specimen("cpu_threads/gevent_loop"))
