"""Hazards of a signal handler that reads the interpreter's state, each in a program that would expose a fault.

tests/stress/specimens/cpu_torn.py tests frames that are being changed; test_stress.py runs a short form of it.
"""

from __future__ import annotations

import signal

import pytest
from child import Spender
from specimens import specimen


def test_a_thread_without_the_lock_is_told_its_own_stack(spender: Spender):
    """The interpreter's current thread is a different one."""
    spender.run(specimen("cpu_traps/a_thread_without_the_lock_is_told_its_own_stack"))


def test_code_that_is_gone_keeps_its_name_and_lends_it_to_no_other(spender: Spender):
    """Each function is compiled, run and dropped; the next one's code is likely to be at the same address."""
    spender.run(specimen("cpu_traps/code_that_is_gone_keeps_its_name_and_lends_it_to_no_other"))


def test_an_init_that_is_called_without_c_is_told_beneath_its_caller(spender: Spender):
    """From 3.12 on, the interpreter runs internal code between the caller and __init__."""
    spender.run(specimen("cpu_traps/an_init_that_is_called_without_c_is_told_beneath_its_caller"))


def test_generators_that_run_are_read_without_asking_the_kernel(spender: Spender):
    """The kernel has to check only addresses that may not be frames, which is rare."""
    said = spender.run(specimen("cpu_traps/generators_that_run_are_read_without_asking_the_kernel"))
    if said:
        pytest.skip(said)


def test_errno_is_left_alone(spender: Spender):
    spender.run("""
        changes = []
        for native in (False, True):
            spprof.start(interval_ms=1, native=native)
            until_sampled(11, lambda: changes.append(burners.errno_changes(300_000_000)))
            assert len(spprof.stop().samples) > 10
        assert not any(changes), changes
    """)


def test_a_timer_of_somebody_elses_is_not_taken_for_ours(spender: Spender):
    spender.run(specimen("cpu_traps/a_timer_of_somebody_elses_is_not_taken_for_ours"))


def test_our_signal_from_somebody_else_does_what_it_would_without_us(spender: Spender):
    finished = spender.attempt("""
        spprof.start()
        number, _ = tick()
        print(number, flush=True)
        os.kill(os.getpid(), number)
        spend(10)
    """)
    assert finished.returncode == -int(finished.stdout)
    assert int(finished.stdout) not in (signal.SIGPROF, signal.SIGALRM)


@pytest.mark.parametrize("mode", ["cpu", "wall"])
def test_weights_add_up_whatever_the_kernels_tick(spender: Spender, mode: str):
    """With an interval of 1 ms, a kernel may deliver a signal only every 4 or 10 ms."""
    spender.run(f"""
        clock = time.process_time if {mode == "cpu"} else time.perf_counter
        spprof.start(interval_ms=1, mode={mode!r})
        begin = clock()
        spend(0.5)
        used = clock() - begin
        profile = spprof.stop()
        told = sum(sample.weight_ns for sample in profile.samples if "spend" in names(sample)) / 1e9
        assert abs(told - used) <= APART + 0.02 * used, (told, used)
    """)


def test_nothing_is_loaded_once_samples_are_taken(spender: Spender):
    """Otherwise, a signal handler would make the loader load libraries."""
    spender.run("""
        def loaded():
            return {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}

        spprof.start(interval_ms=1, native=True)
        before = loaded()
        until_sampled(3, spend, 0.1)
        until_sampled(6, spend_in_c, 0.1)
        after = loaded()
        assert len(spprof.stop().samples) > 5
        assert after == before, after - before
    """)


def test_what_is_lost_is_counted_by_its_reason(spender: Spender):
    """The thread's alternate signal stack has room for the kernel and little else."""
    spender.run(specimen("cpu_traps/what_is_lost_is_counted_by_its_reason"))


@pytest.mark.parametrize(
    ("what", "words"), [("gave_up", "so sampling stopped"), ("displaced", "replaced the CPU profiler's signal handler")]
)
def test_a_profile_that_ended_before_its_end_says_so(spender: Spender, what: str, words: str):
    """The engine's own tests make a profile end early; here the engine only reports that it did."""
    spender.run(specimen("cpu_traps/a_profile_that_ended_before_its_end_says_so"), what, words)
