"""Whole stacks of CPU samples: C functions beneath the Python line that called them, and nothing of the signal's."""

from __future__ import annotations

from child import Spender


def test_c_functions_stand_beneath_the_line_that_calls_them(spender: Spender):
    spender.run("""
        def calling():
            burners.burn(300_000_000)

        spprof.start(interval_ms=1, native=True)
        times = until_sampled(20, calling)
        spend(0.1)
        profile = spprof.stop()
        check_seconds(profile, "burn", 0.3 * times, times)
        inside = [names(sample) for sample in profile.samples if "burn_leaf" in names(sample)]
        assert len(inside) > 10
        for stack in inside:
            at = stack.index("burn_leaf")
            assert at == 0 and stack[1] == "burn" and stack[-3:] == ["calling", "until_sampled", "<module>"], stack
        # These call the engine while ticks come.
        callers = {"start", "stop", "stats", "_is_covered", "_write_down"}
        every = {name for sample in profile.samples if not callers & {*names(sample)} for name in names(sample)}
        signals = [name for name in every if "restore_rt" in name or "on_signal" in name or name.startswith("sp_")]
        assert not signals, signals
    """)


def test_without_native_frames_there_are_none(spender: Spender):
    spender.run("""
        def calling():
            spend_in_c(0.2)

        spprof.start(interval_ms=1)
        calling()
        profile = spprof.stop()
        for sample in profile.samples:
            assert all(frame.is_python or frame.function.startswith("<") for frame in sample.frames), sample
        check_seconds(profile, "calling", 0.2)
    """)


def test_a_callback_stands_between_what_calls_it(spender: Spender):
    spender.run("""
        import ctypes

        @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        def compare(one, other):
            comparing()
            return -1

        def comparing():
            spend(0.1)

        def ordering():
            ctypes.CDLL(None).qsort((ctypes.c_int * 2)(), 2, 4, compare)

        spprof.start(interval_ms=1, native=True)
        ordering()
        profile = spprof.stop()
        check_seconds(profile, "comparing", 0.1, times=2)
        for sample in profile.samples:
            if "comparing" in names(sample):
                python = [frame.function for frame in sample.frames if frame.is_python]
                assert python[-4:] == ["comparing", "compare", "ordering", "<module>"], sample
                between = names(sample)[names(sample).index("compare") + 1 : names(sample).index("ordering")]
                assert any("sort" in name for name in between), sample
    """)


def test_stacks_in_a_compressing_library_lead_to_the_line(spender: Spender):
    spender.run("""
        import zlib

        def compressing():
            end = time.thread_time() + 0.3
            while time.thread_time() < end:
                zlib.compress(os.urandom(1000) * 200, 9)
            spend(0.02)

        spprof.start(interval_ms=1, native=True)
        times = until_sampled(40, compressing)
        profile = spprof.stop()
        check_seconds(profile, "compressing", 0.32 * times, times)
        for sample in profile.samples:
            if "compressing" in names(sample):
                assert names(sample)[-3:] == ["compressing", "until_sampled", "<module>"], sample
        inside = [sample for sample in profile.samples if not sample.frames[0].is_python]
        assert len(inside) > len(profile.samples) / 2, profile
    """)
