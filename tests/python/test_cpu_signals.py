"""Profiling does not affect signals and waits: the program's own timers, handlers, sleeps and fault reports."""

from __future__ import annotations

import platform
import re
import signal

import pytest
from child import Spender
from specimens import specimen


def test_a_timer_with_sigprof_gets_its_ticks(spender: Spender):
    """ITIMER_PROF counts the kernel's ticks, which may miss most of a program's time on a busy machine."""
    spender.run(specimen("cpu_signals/sigprof_user"))


def test_a_signal_that_has_a_handler_is_not_taken(spender: Spender):
    spender.run(specimen("cpu_signals/a_signal_that_has_a_handler_is_not_taken"))


WAITS = {"nanosleep": "n", "poll": "o", "ppoll": "p", "select": "s"}
LINUX = tuple(map(int, re.findall(r"\d+", platform.release())[:2]))


@pytest.mark.parametrize("kind", WAITS.values(), ids=WAITS)
def test_in_cpu_mode_a_wait_is_not_interrupted(spender: Spender, kind: str):
    """Another thread's CPU time interrupts no wait. The waiting thread's own use before and after each wait may cause a
    sample.

    Before Linux 6.4, the process's own timer, which triggers a look for new threads every 16 intervals, interrupts the
    main thread.
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
    """signal.sigtimedwait is excepted: it returns a signal that it never received if any signal arrives just before its
    timeout.
    """
    spender.run(specimen("cpu_signals/waits_in_python_last_as_long_and_give_the_same"), mode)


@pytest.mark.parametrize("native", ["python", "native"])
def test_ticks_by_the_wall_read_no_cpu_clock(spender: Spender, native: str):
    """If a handler reads a CPU clock, the kernel preempts the thread there, and ITIMER_PROF hardly counts the thread's
    CPU time on a busy machine.

    bench/wall_itimer.py demonstrates this.
    """
    said = spender.run(specimen("cpu_signals/ticks_by_the_wall_read_no_cpu_clock"), native)
    if said:
        pytest.skip(said)


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
    """Tracebacks are also dumped by faulthandler's own signal, which arrives on its alternate stack, and by its
    watchdog.

    No Python code runs in the meantime, because faulthandler itself crashes if the frames that it reads change.
    """
    finished = spender.attempt(specimen("cpu_signals/tracebacks_are_dumped_while_samples_are_taken"))
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert finished.stderr.count("in dumped") == 2 * (20 + 20 + 2), finished.stderr[-2000:]
    assert finished.stderr.count("Timeout") == 2


# ---- A sandbox without timers


def test_where_timers_are_refused_a_thread_takes_the_samples_and_it_is_said(spender: Spender):
    said = spender.run(specimen("cpu_signals/no_timers"))
    if said:
        pytest.skip(said)
