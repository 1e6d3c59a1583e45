"""Every thread is profiled: of Python and of C, there before and come later, with small stacks and blocked signals."""

from __future__ import annotations

import sys

import pytest
from child import Spender


def test_threads_that_start_later_are_told_all_their_time(spender: Spender):
    spender.run("""
        def later():
            spend(0.2)

        def in_c():
            spend_in_c(0.2)

        spprof.start(interval_ms=1)
        python = in_threads(3, later)
        mixed = in_threads(2, in_c)
        profile = spprof.stop()
        for thread in python:
            check_seconds(profile, "later", 0.2, thread_id=thread.native_id)
        for thread in mixed:
            check_seconds(profile, "in_c", 0.2, thread_id=thread.native_id)
    """)


@pytest.mark.parametrize("stack_size", [0, 65536], ids=["usual stacks", "stacks of 64 KB"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_threads_of_c_are_found_and_have_no_python_frames(spender: Spender, when: str, stack_size: int):
    spender.run(f"""
        def begin():
            assert burners.burners_start(4, 500_000_000, False, {stack_size}, 0) == 4

        spprof.start(interval_ms=1)
        if {when == "before"}:
            spprof.stop()
            begin()
        earlier = time.process_time()
        if {when == "before"}: spprof.start(interval_ms=1)
        used = time.process_time()
        if {when == "after"}: begin()
        burners.burners_join()
        used, at_most = time.process_time() - used, time.process_time() - earlier
        profile = spprof.stop()
        told, longest = {{}}, 0
        for sample in profile.samples:
            if sample.thread_id != threading.get_native_id():
                assert names(sample) in (["<native>"], ["<threads too short to sample>"]), sample
                told[sample.thread_id] = told.get(sample.thread_id, 0) + sample.weight_ns / 1e9
                if sample.thread_id != 0: longest = max(longest, sample.weight_ns / 1e9)
        unsampled = told.pop(0, 0.0)
        assert len(told) == 4 and min(told.values()) > 0.1, told
        assert unsampled <= 4 * max(APART, 2.5 * longest), (unsampled, told)
        assert sum(told.values()) <= at_most + APART, (at_most, told)
        all_told = sum(told.values()) + unsampled
        assert used - 2 * APART <= all_told <= at_most + 2 * APART, (used, at_most, unsampled, told)
    """)


def test_a_thread_that_blocks_signals_is_named_with_its_time(spender: Spender):
    spender.run("""
        def blocking():
            signal.pthread_sigmask(signal.SIG_SETMASK, range(1, signal.NSIG))
            spend_in_c(0.3)
            spent.set()
            end.wait()

        spent, end = threading.Event(), threading.Event()
        spprof.start(interval_ms=1)
        thread = threading.Thread(target=blocking)
        thread.start()
        spent.wait()
        profile = spprof.stop()
        end.set()
        thread.join()
        check_seconds(profile, "<signals blocked>", 0.3, thread_id=thread.native_id)
        assert "blocks" in str(profile) or "blocked" in str(profile), profile
    """)


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
    """Most live less than the kernel's tick."""
    spender.run("""
        import resource

        def used():
            usage = resource.getrusage(resource.RUSAGE_SELF)
            return usage.ru_utime + usage.ru_stime

        def short():
            sum(range(2000))

        spprof.start(interval_ms=10)
        before = used()
        for _ in range(1000):
            in_threads(10, short)
        spent = used() - before
        profile = spprof.stop()
        check_total(profile, spent)
        assert profile.short_threads > 5000, profile.short_threads
        assert seconds_in(profile, "<threads too short to sample>") > 0.1 * spent, profile
        assert not drops_within(), drops()
    """)


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


@pytest.mark.skipif(sys.version_info < (3, 12), reason="interpreters of their own lock came with 3.12")
def test_interpreters_with_locks_of_their_own_are_profiled(spender: Spender):
    spender.run(f"""
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters

        def run():
            made = interpreters.create()
            interpreters.run_string(made, {INNER!r})
            interpreters.destroy(made)
            spend(0.02)

        spprof.start(interval_ms=1)
        threads = in_threads(2, run)
        profile = spprof.stop()
        for thread in threads:
            check_seconds(profile, "inner", 0.3, times=2, thread_id=thread.native_id)
    """)


def test_an_interpreter_in_the_same_thread_loses_no_time(spender: Spender):
    """The thread's own frames are those of its first interpreter; from 3.12 on, of the one that runs."""
    spender.run(f"""
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters

        def run():
            interpreters.run_string(made, {INNER!r})

        made = interpreters.create()
        spprof.start(interval_ms=1)
        run()
        spend(0.1)
        profile = spprof.stop()
        interpreters.destroy(made)
        check_seconds(profile, {"inner" if sys.version_info >= (3, 12) else "run"!r}, 0.3)
        check_seconds(profile, "spend", 0.1)
    """)


GREENLETS = """
    from greenlet import greenlet

    def first():
        for _ in range(10):
            spend(0.02)
            switch_to[1].switch()

    def second():
        for _ in range(10):
            nested()
            switch_to[0].switch()

    def nested():
        spend(0.01)

    switch_to = [greenlet(first), greenlet(second)]
    spprof.start(interval_ms=1)
    switch_to[0].switch()
    profile = spprof.stop()
    check_seconds(profile, "first", 0.2, times=10)
    check_seconds(profile, "second", 0.1, times=10)
    for sample in profile.samples:
        told = set(names(sample))
        assert not told >= {"first", "second"}, sample
        assert ("nested" in told) <= ("second" in told), sample
"""


def test_greenlets_are_told_their_own_stacks(spender: Spender):
    pytest.importorskip("greenlet", reason="greenlet is not installed: pip install greenlet")
    spender.run(GREENLETS)


GEVENT = """
    from gevent import monkey
    monkey.patch_all()
    import gevent, socket
    from gevent.threadpool import ThreadPool

    def serve():
        for _ in range(20):
            data = one.recv(4)
            answer()
            one.sendall(data)

    def answer():
        spend(0.01)

    def ask():
        for _ in range(20):
            other.sendall(b"ping")
            assert other.recv(4) == b"ping"
            digest()
            gevent.sleep(0)

    def digest():
        spend(0.02)

    def in_the_pool():
        spend(0.2)

    one, other = socket.socketpair()
    spprof.start(interval_ms=1)
    pool = ThreadPool(2)
    pooled = pool.spawn(in_the_pool)
    gevent.joinall([gevent.spawn(serve), gevent.spawn(ask)], raise_error=True, timeout=600)
    pooled.get(timeout=600)
    profile = spprof.stop()
    check_seconds(profile, "answer", 0.2, times=20)
    check_seconds(profile, "digest", 0.4, times=20)
    check_seconds(profile, "in_the_pool", 0.2)
    for sample in profile.samples:
        told = set(names(sample))
        assert ("answer" in told) <= ("serve" in told), sample
        assert ("digest" in told) <= ("ask" in told), sample
        assert len(told & {"serve", "ask", "in_the_pool"}) <= 1, sample
    pool.kill()
"""


def test_a_program_of_gevents_runs_on_and_is_told_who_spends(spender: Spender):
    pytest.importorskip("gevent", reason="gevent is not installed: pip install gevent")
    spender.run(GEVENT)
