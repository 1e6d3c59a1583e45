"""Complete stacks of CPU samples: C functions below the Python line that called them, and no frame of the signal."""

from __future__ import annotations

from child import Spender
from specimens import specimen


def test_c_functions_stand_beneath_the_line_that_calls_them(spender: Spender):
    spender.run(specimen("cpu_native/c_functions_stand_beneath_the_line_that_calls_them"))


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
    spender.run(specimen("cpu_native/a_callback_stands_between_what_calls_it"))


def test_stacks_in_a_compressing_library_lead_to_the_line(spender: Spender):
    spender.run(specimen("cpu_native/stacks_in_a_compressing_library_lead_to_the_line"))
