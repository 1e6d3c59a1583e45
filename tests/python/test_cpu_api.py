"""What `spprof.start` and `stop` promise, on the real engine, each in a process of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from child import Child
from preludes import OF_CPU as PRELUDE


def test_public_names_exist_and_say_what_they_are():
    import spprof

    for name in spprof.__all__:
        assert getattr(spprof, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        spprof.nonsense  # noqa: B018


INTERNAL = ("parts", "save_with_notes", "thread_name", "timeline", "to_pprof")
"""What of Profile the package's own modules share."""


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


def test_importing_brings_nothing_heavy_along(child: Child):
    child.run("""
        import sys
        before = set(sys.modules)
        import spprof
        new = {name for name in sys.modules if name not in before and not name.startswith("spprof")}
        assert new <= {"atexit", "operator", "_operator", "_thread", "__future__"}, new
        assert not {"spprof.cpu_time.profile", "spprof.results", "spprof.formats"} & set(sys.modules)
        """)


def test_what_a_profile_needs_is_imported_before_it_begins(child: Child):
    child.run("""
        import sys
        import spprof
        spprof.start()
        before = set(sys.modules)
        profile = spprof.stop()
        profile.samples, str(profile)
        for name in ("x.json", "x.pb.gz", "x.txt"):
            profile.save(name)
        assert set(sys.modules) == before
        """)


# ---- start and stop


def test_time_is_found_where_it_was_used(child: Child):
    child.run(
        PRELUDE
        + """
def one(): busy(20)
def other(): busy(10)

before = time.time()
assert not spprof.is_active()
assert spprof.start(interval_ms=1) is None
assert spprof.is_active()
one(); other()
profile = spprof.stop()
assert not spprof.is_active()
assert count(profile, "one") >= 20 and count(profile, "other") >= 10
assert count(profile, "<module>") == profile.sample_count
assert sum(sample.weight_ns for sample in profile.samples) == profile.total_ns <= profile.process_ns
assert before <= profile.start_time < profile.end_time <= time.time()
for sample in profile.samples:
    assert before * 1e9 < sample.timestamp_ns < time.time_ns() and sample.weight_ns > 0
    assert (sample.thread_id, sample.thread_name) == (os.getpid(), "MainThread")
stacks = {tuple(frame.function for frame in sample.frames) for sample in profile.samples}
assert {stack for stack in stacks if {"busy", "other"} <= {*stack}} == {("busy", "other", "<module>")}, stacks
assert (profile.interval_ms, profile.mode, profile.native, profile.ticks) == (1.0, "cpu", False, "timer")
assert (profile.python_version, profile.platform[:6]) == (sys.version.split()[0], "Linux-")
dropped = profile.dropped
assert profile.dropped_count == sum(dropped.values()) == dropped["in_engine"] <= 2, dropped  # in start and stop
"""
    )


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
    child.run(
        PRELUDE
        + """
def work():
    while threading.get_native_id() not in sampled():
        busy(1)

def sampled():
    return {thread.thread_id for thread in spprof.cpu.running().threads if thread.samples}

alive, go = threading.Thread(target=lambda: (work(), go.wait()), name="alive"), threading.Event()
alive_before = threading.Thread(target=lambda: (began.wait(), work()), name="alive at the start")
began = threading.Event()
alive_before.start()
spprof.start(1)
began.set()
kept = threading.Thread(target=work, name="ended and kept")
kept.start(); alive.start(); kept.join(); alive_before.join(); work()
while alive.native_id not in sampled():
    busy(1)
ids = {thread.native_id: thread.name for thread in (kept, alive, alive_before)}
del alive_before
profile = spprof.stop()
go.set()
names = {thread.thread_id: thread.name for thread in profile.threads}
assert (profile.threads[0].thread_id, profile.threads[0].name) == (os.getpid(), "MainThread")
assert names == {os.getpid(): "MainThread", **ids}, (names, ids)
assert {sample.thread_name for sample in profile.samples if sample.thread_id} == {*names.values()}
for thread in profile.threads:
    own = [sample.weight_ns for sample in profile.samples if sample.thread_id == thread.thread_id]
    assert (thread.samples, thread.weight_ns) == (len(own), sum(own))
"""
    )


def test_threads_without_a_sample_are_counted_and_their_time_is_not_lost(child: Child):
    """Threads that were just joined may still be about, and then count as ones that live; or a tick may come."""
    child.run(
        PRELUDE
        + """
def use():
    end = time.thread_time_ns() + 5_000_000
    while time.thread_time_ns() < end:
        pass

before = time.process_time_ns()
spprof.start(interval_ms=1000)
idle, go = threading.Thread(target=lambda: go.wait()), threading.Event()
idle.start()
for _ in range(20):
    thread = threading.Thread(target=use)
    thread.start(); thread.join()
profile = spprof.stop()
used = time.process_time_ns() - before
go.set()
assert 14 <= profile.short_threads <= 20, profile.short_threads
(rest,) = [sample for sample in profile.samples if sample.frames[0].function == "<threads too short to sample>"]
assert 14 * 5_000_000 <= rest.weight_ns <= used
assert profile.process_ns <= used
assert f"{profile.short_threads} threads were too short to sample" in str(profile)
"""
    )


def test_wall_mode_sees_threads_that_wait(child: Child):
    child.run(
        PRELUDE
        + """
def wait():
    while spprof.stats().collected_samples < 10:
        time.sleep(0.01)
spprof.start(1, mode="wall")
wait()
profile = spprof.stop()
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
from spprof import memprof
spprof.start(1)
memprof.start(0)
kept = bytearray(10_000_000)
busy()
profile, snapshot = spprof.stop(), memprof.get_snapshot()
memprof.stop()
assert count(profile, "busy") >= 5
assert [sample.size for sample in snapshot.samples if sample.size > 9_000_000] == [10_000_001]
"""
    )


# ---- counters


def test_counters_are_zero_before_the_first_start_and_kept_after_a_stop(child: Child):
    child.run(
        PRELUDE
        + """
stats = spprof.stats()
assert not stats.is_active
assert (stats.collected_samples, stats.sampled_ns, stats.process_ns, stats.duration_ns) == (0, 0, 0, 0)
assert (stats.overhead_percent, stats.dropped_count) == (0.0, 0)
spprof.start(2)
busy()
stats = spprof.stats()
assert stats.is_active and stats.interval_ms == 2.0 and stats.mode == "cpu" and stats.ticks == "timer"
assert stats.collected_samples >= 5 and stats.threads == 1
assert 0 < stats.overhead_ns < stats.process_ns
assert 0 < stats.overhead_percent < 100
profile = spprof.stop()
stats = spprof.stats()
assert (stats.collected_samples, stats.dropped_samples) == (profile.sample_count, profile.dropped)
assert (stats.process_ns, stats.sampled_ns) == (profile.process_ns, profile.sampled_ns)
assert set(stats.dropped_samples) >= {"in_engine", "torn", "no_memory", "stack_table_full"}
"""
    )


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
    "suffix": ("output_path='x.png'", "ValueError", "names no format.*\\.pb\\.gz"),
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
    child.run(
        PRELUDE
        + """
def refused(call):
    try:
        call()
    except RuntimeError as error:
        return str(error)
assert "call spprof.start() first" in refused(spprof.stop)
assert "call spprof.start() first" in refused(spprof.cpu.running)
spprof.start(1)
assert "call spprof.stop() first" in refused(lambda: spprof.start(5, output_path="never.json"))
assert "call spprof.stop() first" in refused(spprof.Profiler().__enter__)
busy()
profile = spprof.stop()
assert profile.interval_ms == 1.0 and count(profile, "busy") >= 5
assert not os.path.exists("never.json")
assert "call spprof.start() first" in refused(spprof.stop)
"""
    )


def test_a_system_without_timers_is_said_once(child: Child):
    child.run("""
        import warnings
        from spprof import _engine
        import spprof
        real = _engine.cpu_start
        _engine.cpu_start = lambda *arguments: (real(*arguments), "thread")[1]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            for _ in range(2):
                spprof.start()
                spprof.stop()
        (one,) = caught
        assert one.category is RuntimeWarning and "timer_create" in str(one.message)
        assert one.filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                spprof.start()
            except RuntimeWarning:
                assert not spprof.is_active()
            else:
                raise AssertionError
        """)


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
    printed = child.run(
        PRELUDE
        + """
def of_parent(): busy()
def of_child(): busy()
spprof.start(1, output_path="x.collapsed")
pid = os.fork()
if pid == 0:
    of_child()
    raise SystemExit
os.waitpid(pid, 0)
of_parent()
spprof.stop()
print(pid)
"""
    )
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
