"""The contract of `spprof.start` and `stop`, tested on the real engine. Each program runs in a child process."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from child import Child
from preludes import OF_CPU as PRELUDE
from specimens import specimen


def test_public_names_exist_and_say_what_they_are():
    import spprof

    for name in spprof.__all__:
        assert getattr(spprof, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        spprof.nonsense  # noqa: B018


INTERNAL = ("parts", "save_with_notes", "thread_name", "timeline", "to_pprof")
"""The parts of Profile that the package's own modules share."""


def test_the_documents_name_every_call_and_every_field():
    import spprof

    docs = Path(__file__).parents[2] / "docs"
    calls = (docs / "contracts" / "python-api.md").read_text(encoding="utf-8").partition("\n## The CPU profiler\n")[2]
    model = (docs / "data-model.md").read_text(encoding="utf-8")
    for name in ("start", "stop", "is_active", "stats", "Profiler", "profile", "Profile"):
        assert re.search(rf"^### .*\bspprof\.{name}\b", calls, re.MULTILINE), name
    for name in ("Frame", "CpuSample", "CpuStack", "CpuThread", "CpuStats", "TopFunction"):
        described = model.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for field in getattr(spprof, name).__annotations__:
            assert f"`{field}`" in described, f"{name}.{field} is not described"
    profile = calls.partition("\n### spprof.Profile\n")[2]
    for name in {*vars(spprof.Profile), *spprof.Profile.__annotations__} - {*INTERNAL}:
        assert name.startswith("_") or re.search(rf"`{name}[`(]", profile), f"Profile.{name} is not described"


# ---- start and stop


def test_time_is_found_where_it_was_used(child: Child):
    child.run(specimen("cpu_api/time_is_found_where_it_was_used"))


def test_a_new_start_begins_a_new_profile_and_leaves_the_old_one_as_it_was(child: Child):
    child.run(
        PRELUDE
        + """
def one(): busy()
def other(): busy()
spprof.start(1); one(); first = spprof.stop()
spprof.start(1); other(); second = spprof.stop()
assert count(first, "one") >= 5 and count(second, "other") >= 5
assert count(first, "other") == count(second, "one") == 0
"""
    )


def test_threads_have_the_names_that_python_gives_them(child: Child):
    child.run(specimen("cpu_api/threads_have_the_names_that_python_gives_them"))


def test_threads_without_a_sample_are_counted_and_their_time_is_not_lost(child: Child):
    """Threads that have just been joined may still exist, and then count as live. A tick may also arrive."""
    child.run(specimen("cpu_api/threads_without_a_sample_are_counted_and_their_time_is_not_lost"))


def test_wall_mode_sees_threads_that_wait(child: Child):
    child.run(
        PRELUDE
        + """
def wait():
    spprof.start(1, mode="wall")
    while spprof.stats().collected_samples < 10:
        time.sleep(0.01)
    return spprof.stop()
profile = wait()
assert count(profile, "wait") >= 10
assert profile.total_ns > profile.process_ns
assert profile.mode == "wall" and str(profile).startswith("wall: ")
"""
    )


@pytest.mark.parametrize("native", [False, True])
def test_native_frames_are_there_where_they_were_asked_for(child: Child, native: bool):
    child.run(
        PRELUDE
        + f"""
import zlib
spprof.start(1, native={native})
while spprof.stats().collected_samples < 20:
    zlib.compress(bytes(1_000_000))
profile = spprof.stop()
frames = {{frame.is_python for sample in profile.samples for frame in sample.frames}}
assert profile.native is {native}
assert frames == ({{True, False}} if {native} else {{True}}), frames
"""
    )


def test_both_profilers_run_side_by_side(child: Child):
    child.run(
        PRELUDE
        + """
from asked_for import bytearray_size
from spprof import memprof
spprof.start(1)
memprof.start(0)
kept = bytearray(10_000_000)
busy()
profile, snapshot = spprof.stop(), memprof.get_snapshot()
memprof.stop()
assert count(profile, "busy") >= 5
assert [sample.size for sample in snapshot.samples if sample.size > 9_000_000] == [bytearray_size(10_000_000)]
"""
    )


# ---- counters


def test_counters_are_zero_before_the_first_start_and_kept_after_a_stop(child: Child):
    child.run(specimen("cpu_api/counters_are_zero_before_the_first_start_and_kept_after_a_stop"))


# ---- bad input

BAD_ARGUMENTS = {
    "too short": ("interval_ms=0.5", "ValueError", "between 1 and 1000 milliseconds, not 0.5; 10 is the default"),
    "too long": ("interval_ms=1000.5", "ValueError", "between 1 and 1000"),
    "no number": ("interval_ms=float('nan')", "ValueError", "between 1 and 1000"),
    "infinite": ("interval_ms=float('inf')", "ValueError", "between 1 and 1000"),
    "huge": ("interval_ms=10**400", "ValueError", "between 1 and 1000"),
    "text": ("interval_ms='10'", "TypeError", "must be a number, not str"),
    "a bool": ("interval_ms=True", "TypeError", "must be a number, not bool"),
    "nothing": ("interval_ms=None", "TypeError", "must be a number, not NoneType"),
    "mode": ("mode='gpu'", "ValueError", "unknown mode 'gpu'; use one of 'cpu', 'wall'"),
    "native": ("native='auto'", "TypeError", "native must be True or False, not 'auto'"),
    "suffix": ("output_path='x.png'", "ValueError", "does not name a known format.*\\.pb\\.gz"),
    "path": ("output_path=7", "TypeError", "path|os.PathLike"),
}


@pytest.mark.parametrize(("argument", "error", "message"), BAD_ARGUMENTS.values(), ids=BAD_ARGUMENTS)
def test_a_bad_argument_is_an_error_with_a_remedy_and_nothing_starts(
    child: Child, argument: str, error: str, message: str
):
    child.run(f"""
        import re, spprof
        for call in (spprof.start, spprof.Profiler, spprof.profile):
            try:
                call({argument})
            except {error} as error:
                assert re.search({message!r}, str(error)), error
            else:
                raise AssertionError(call)
        assert not spprof.is_active()
        """)


def test_starting_twice_and_stopping_while_stopped_are_errors_and_change_nothing(child: Child):
    child.run(specimen("cpu_api/starting_twice_and_stopping_while_stopped_are_errors_and_change_nothing"))


def test_a_system_without_timers_is_said_once(child: Child):
    child.run(specimen("cpu_api/a_system_without_timers_is_said_once"))


# ---- output_path


def test_a_profile_is_saved_where_it_was_asked_for(child: Child):
    child.run(
        PRELUDE
        + """
import json
spprof.start(1, output_path="x.json")
os.mkdir("elsewhere"); os.chdir("elsewhere")
busy()
profile = spprof.stop()
document = json.load(open("../x.json"))
assert sum(chart["endValue"] for chart in document["profiles"]) == profile.total_ns > 0
spprof.start(1, output_path=b"y.pb.gz"); spprof.stop()
assert os.listdir(".") == ["y.pb.gz"]
"""
    )


def test_a_profile_that_is_never_stopped_is_saved_at_the_end(child: Child):
    child.run(
        PRELUDE
        + """
def last(): busy()
spprof.start(1, output_path="x.collapsed")
import atexit
atexit.register(last)
"""
    )
    assert re.search(r"^last \(.*\);busy \(.*\) \d+$", (child.folder / "x.collapsed").read_text(), re.MULTILINE)


def test_a_forked_child_writes_a_file_of_its_own(child: Child):
    printed = child.run(specimen("cpu_api/a_forked_child_writes_a_file_of_its_own"))
    ours, forked = (child.folder / name for name in ("x.collapsed", f"x.collapsed.{printed.strip()}"))
    assert ("of_parent" in ours.read_text(), "of_child" in ours.read_text()) == (True, False)
    assert ("of_parent" in forked.read_text(), "of_child" in forked.read_text()) == (False, True)


def test_a_file_that_cannot_be_written_is_an_error_and_the_profiler_has_stopped(child: Child):
    child.run("""
        import spprof
        spprof.start(output_path="nowhere/x.json")
        try:
            spprof.stop()
        except FileNotFoundError as error:
            assert error.filename.endswith("nowhere/x.json")
        else:
            raise AssertionError
        assert not spprof.is_active()
        """)
