"""What goes wrong when a signal handler reads the interpreter, each in a program where it would.

Frames that are just being changed are in tests/stress/specimens/cpu_torn.py, of which test_stress.py runs a short form.
"""

from __future__ import annotations

import signal

import pytest
from child import Spender


def test_a_thread_without_the_lock_is_told_its_own_stack(spender: Spender):
    """The interpreter's current thread is another one."""
    spender.run("""
        def releasing():
            spend_in_c(0.3)

        def holding():
            spend(0.3)

        spprof.start(interval_ms=1)
        threads = [threading.Thread(target=function) for function in (releasing, holding)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        profile = spprof.stop()
        for thread, own, other in zip(threads, ("releasing", "holding"), ("holding", "releasing")):
            check_seconds(profile, own, 0.3, thread_id=thread.native_id)
            assert seconds_in(profile, other, thread.native_id) == 0, profile
    """)


def test_code_that_is_gone_keeps_its_name_and_lends_it_to_no_other(spender: Spender):
    """Each function is compiled, run and dropped; the next one's code is likely to lie at the same address."""
    spender.run("""
        text = "def made_{0}():\\n    spend(0.03)\\nmade_{0}()\\n"
        spprof.start(interval_ms=1)
        for number in range(30):
            exec(compile(text.format(number), f"made-{number}.py", "exec"), {"spend": spend})
        profile = spprof.stop()
        for number in range(30):
            check_seconds(profile, f"made_{number}", 0.03)
        made = {
            ("spend" in names(sample), frame)
            for sample in profile.samples
            for frame in sample.frames
            if frame.file.startswith("made-")
        }
        for in_call, frame in made:
            lines = {f"made_{frame.file[5:-3]}": 2, "<module>": 3}
            assert frame.function in lines, frame
            assert not in_call or frame.line == lines[frame.function], frame
    """)


def test_an_init_that_is_called_without_c_is_told_beneath_its_caller(spender: Spender):
    """From 3.12 on the interpreter runs code of its own between the two."""
    spender.run("""
        class Made:
            def __init__(self):
                for _ in range(2000): pass

        def making():
            end = time.thread_time() + 0.3
            while time.thread_time() < end: Made()
            spend(0.02)

        spprof.start(interval_ms=1)
        times = until_sampled(20, making)
        profile = spprof.stop()
        check_seconds(profile, "making", 0.32 * times, times)
        inside = [sample for sample in profile.samples if "__init__" in names(sample)]
        assert len(inside) > 10
        for sample in inside:
            assert names(sample) == ["__init__", "making", "until_sampled", "<module>"], sample
    """)


def test_generators_that_run_are_read_without_asking_the_kernel(spender: Spender):
    """It has to be asked for what may be no frame: hardly ever."""
    said = spender.run("""
        def yielding():
            end = time.thread_time() + 0.3
            while time.thread_time() < end:
                for _ in range(200): pass
            yield

        async def awaiting(depth):
            if depth: await awaiting(depth - 1)
            else: next(yielding())

        def running():
            try: awaiting(20).send(None)
            except StopIteration: pass

        def sampled(times):
            spprof.start(interval_ms=1)
            until_sampled(times, running)
            return spprof.stop()

        sampled(1)  # each code is known from here on
        refuse("process_vm_readv", errno.EFAULT)
        profile = sampled(100)
        inside = [sample for sample in profile.samples if "yielding" in names(sample)]
        assert len(inside) > 50 and profile.dropped["torn"] < 0.1 * len(inside), profile
        for sample in inside:
            callers = ["running", "until_sampled", "sampled", "<module>"]
            assert names(sample) == ["yielding", *["awaiting"] * 21, *callers], sample
    """)
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
    spender.run("""
        def send(number, *cookies):
            for cookie in cookies:
                assert burners.send_as_timer(number, cookie) == 0
            return spprof.stats().collected_samples

        def counts():
            spprof.start(interval_ms=1000)
            number, cookie = tick()
            after_others = send(number, 0, 1, cookie ^ (1 << 40), 0xFFFFFFFFFFFFFFFF)
            after_ours = send(number, cookie)
            spprof.stop()
            return after_others, after_ours, send(number, cookie)  # the last finds no session

        told = [counts() for _ in range(3)]
        assert (0, 1, 1) in told, told  # one of the thread's own ticks may fall into one of them
    """)


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
    """At 1 ms a kernel may give a signal each 4 or 10."""
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
    """What a handler would have the loader bring in."""
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
    spender.run("""
        spprof.start(interval_ms=1)
        assert set(drops()) == {
            "in_engine", "torn", "no_stack_room", "no_memory", "stack_table_full", "code_table_full", "threads_full",
            "timer_refused",
        }
        assert not drops_within(), drops()
        spprof.stop()
        for _ in range(20):  # in one burst the kernel may look at the threads too seldom
            assert burners.burners_start(2, 600_000_000, False, 0, 2500) == 2
            spprof.start(interval_ms=1)
            burners.burners_join()
            profile = spprof.stop()
            if drops()["no_stack_room"] > 10: break
        assert drops()["no_stack_room"] > 10, drops()
        assert set(drops_within()) == {"no_stack_room"}, drops()
        assert profile.dropped_count == sum(drops().values())
    """)


@pytest.mark.parametrize(("what", "words"), [("gave_up", "has given up"), ("displaced", "a handler of its own")])
def test_a_profile_that_ended_before_its_end_says_so(spender: Spender, what: str, words: str):
    """The engine's tests make it give up; here it only says that it did."""
    spender.run(f"""
        import warnings
        spprof.start(interval_ms=1)
        honest = _engine.cpu_stats
        _engine.cpu_stats = lambda: {{**honest(), {what!r}: True}}
        assert honest()[{what!r}] is False
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            spprof.stop()
        (warning,) = said
        assert warning.category is RuntimeWarning and {words!r} in str(warning.message), warning
        assert warning.filename == __file__, warning
    """)
