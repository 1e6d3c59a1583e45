"""Profiling leaves signals and waiting as they are: the program's own timers, handlers, sleeps and fault reports."""

from __future__ import annotations

import platform
import re
import signal

import pytest
from child import Spender

SIGPROF_USER = """
    ticks = 0

    def on_tick(number, frame):
        global ticks
        ticks += 1

    def count_ticks():
        global ticks
        ticks = 0
        signal.setitimer(signal.ITIMER_PROF, 0.02, 0.02)
        spend(0.3)
        signal.setitimer(signal.ITIMER_PROF, 0)
        return ticks

    def count_sent():
        global ticks
        ticks = 0
        for _ in range(200):
            os.kill(os.getpid(), signal.SIGPROF)
        return ticks

    signal.signal(signal.SIGPROF, on_tick)
    alone = beside = 0
    for rounds in range(40):
        if rounds >= 4 and min(alone, beside) >= 20: break
        alone += count_ticks()
        spprof.start(interval_ms=1)
        beside += count_ticks()
        assert count_sent() == 200
        check_seconds(spprof.stop(), "spend", 0.3)
    assert signal.getsignal(signal.SIGPROF) is on_tick
    assert alone / 3 < beside < alone * 3, (alone, beside)
"""


def test_a_timer_with_sigprof_gets_its_ticks(spender: Spender):
    """This timer counts by the kernel's ticks, which on a busy machine may miss most of a program's time."""
    spender.run(SIGPROF_USER)


def test_a_signal_that_has_a_handler_is_not_taken(spender: Spender):
    spender.run("""
        came = []
        for number in range(signal.SIGRTMAX, signal.SIGRTMAX - 3, -1):
            signal.signal(number, lambda number, frame: came.append(number))
        spprof.start(interval_ms=1)
        assert tick()[0] not in range(signal.SIGRTMAX - 2, signal.SIGRTMAX + 1)
        for number in range(signal.SIGRTMAX, signal.SIGRTMAX - 3, -1):
            os.kill(os.getpid(), number)
        spend(0.1)
        profile = spprof.stop()
        assert sorted(came) == list(range(signal.SIGRTMAX - 2, signal.SIGRTMAX + 1))
        check_seconds(profile, "spend", 0.1)
    """)


WAITS = {"nanosleep": "n", "poll": "o", "ppoll": "p", "select": "s"}
LINUX = tuple(map(int, re.findall(r"\d+", platform.release())[:2]))


@pytest.mark.parametrize("kind", WAITS.values(), ids=WAITS)
def test_in_cpu_mode_a_wait_is_not_interrupted(spender: Spender, kind: str):
    """By another thread's CPU time. What it uses itself, before and after each wait, may have it sampled.

    Before Linux 6.4 the process's own timer, which looks for threads each 16 intervals, interrupts the main thread.
    """
    spender.run(f"""
        spprof.start(interval_ms=1)
        other = threading.Thread(target=until_sampled, args=(11, spend_in_c, 0.3))
        other.start()
        own, used = time.thread_time(), time.process_time()
        interrupted = burners.waits_interrupted({kind!r}.encode(), 100)
        own, used = time.thread_time() - own, time.process_time() - used
        other.join()
        assert len(spprof.stop().samples) > 10
        allowed = 10 + own / 0.001 + ({LINUX < (6, 4)} and used / 0.016)
        assert interrupted <= allowed, f"{{interrupted}} of 100, which used {{own}} of {{used}} s"
    """)


@pytest.mark.parametrize("mode", ["cpu", "wall"])
def test_waits_in_python_last_as_long_and_give_the_same(spender: Spender, mode: str):
    """But for signal.sigtimedwait, which returns what it never received if any signal comes in its last moment."""
    spender.run(f"""
        import select
        import socket

        spprof.start(interval_ms=1, mode={mode!r})
        one, other = socket.socketpair()
        for wait in (
            lambda: time.sleep(0.1),
            lambda: select.select([], [], [], 0.1) == ([], [], []) or 1 / 0,
            lambda: select.poll().poll(100) == [] or 1 / 0,
            lambda: threading.Event().wait(0.1),
        ):
            begin = time.monotonic()
            wait()
            assert time.monotonic() - begin >= 0.099
        sender = threading.Timer(0.1, lambda: other.sendall(b"x" * 10))
        sender.start()
        assert one.recv(10, socket.MSG_WAITALL) == b"x" * 10
        sender.join()
        if {mode == "wall"}: until_sampled(11, time.sleep, 0.01)
        profile = spprof.stop()
        if {mode == "wall"}:
            assert len(profile.samples) > 10, profile
    """)


def test_handlers_of_python_run(spender: Spender):
    spender.run("""
        came = []
        signal.signal(signal.SIGALRM, lambda number, frame: came.append(frame.f_code.co_name))
        signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
        spprof.start(interval_ms=1)
        spend(0.3)
        profile = spprof.stop()
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert came.count("spend") > 5, came
        check_seconds(profile, "spend", 0.3)
    """)


# ---- faulthandler


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fault_is_reported_as_without_us(spender: Spender, when: str):
    finished = spender.attempt(f"""
        import ctypes
        import faulthandler

        def fail():
            ctypes.string_at(0)

        if {when == "before"}: faulthandler.enable()
        spprof.start(interval_ms=1)
        if {when == "after"}: faulthandler.enable()
        until_sampled(3, spend, 0.1)
        fail()
    """)
    assert finished.returncode == -signal.SIGSEGV, finished
    assert "Segmentation fault" in finished.stderr
    assert "in fail" in finished.stderr
    assert not finished.stdout


def test_tracebacks_are_dumped_while_samples_are_taken(spender: Spender):
    """Also by its own signal, which comes on its alternate stack, and by its watchdog.

    Meanwhile nobody runs Python: faulthandler crashes by itself where the frames that it reads change.
    """
    finished = spender.attempt("""
        import faulthandler

        holding_the_lock = ctypes.PyDLL(os.environ["BURNERS"]).burn
        holding_the_lock.argtypes, holding_the_lock.restype = [ctypes.c_uint64], None

        def dumped():
            everyone.wait()
            spend_in_c(0.2)
            while not over:
                burners.burn(5_000_000)

        faulthandler.enable()
        faulthandler.register(signal.SIGUSR1, all_threads=True)
        spprof.start(interval_ms=1)
        everyone, over = threading.Barrier(3), False
        threads = [threading.Thread(target=dumped) for _ in range(2)]
        for thread in threads:
            thread.start()
        everyone.wait()
        for _ in range(20):
            faulthandler.dump_traceback(all_threads=True)
            signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
            holding_the_lock(10_000_000)
        for _ in range(2):
            faulthandler.dump_traceback_later(0.02)
            holding_the_lock(500_000_000)
        over = True
        for thread in threads:
            thread.join()
        profile = spprof.stop()
        assert seconds_in(profile, "dumped") > 0.3, profile
    """)
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert finished.stderr.count("in dumped") == 2 * (20 + 20 + 2), finished.stderr[-2000:]
    assert finished.stderr.count("Timeout") == 2


# ---- A sandbox without timers

NO_TIMERS = """
    import warnings

    refuse("timer_create", errno.EPERM)
    with warnings.catch_warnings(record=True) as said:
        spprof.start(interval_ms=2)
    assert [one.category for one in said] == [RuntimeWarning], said
    assert spprof.stats().ticks == "thread"

    def working():
        spend(0.4)

    def pausing():
        end.wait()

    end = threading.Event()
    pauses = threading.Thread(target=pausing)
    pauses.start()
    threads = in_threads(2, working)
    end.set()
    pauses.join()
    profile = spprof.stop()
    for thread in threads:
        check_seconds(profile, "working", 0.4, times=4, thread_id=thread.native_id)
    assert seconds_in(profile, "pausing") < 0.1, "a thread that waits uses no CPU time"
"""


def test_where_timers_are_refused_a_thread_takes_the_samples_and_it_is_said(spender: Spender):
    said = spender.run(NO_TIMERS)
    if said:
        pytest.skip(said)
