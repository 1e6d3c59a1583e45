"""``spprof run --cpu`` writes a second file, with the CPU profile."""

from __future__ import annotations

import re
import sys
import textwrap

import pytest
from place import SPPROF, Place, rewritten, theirs
from programs import PROGRAMS
from spprof.pprof.profile import Profile

BYTES = 10_000_000


BUSY = """
    from spprof import _engine
    def busy(samples=5):
        goal = _engine.cpu_stats()["samples"] + samples
        while _engine.cpu_stats()["samples"] < goal:
            pass
    def work():
        busy()
    """


def cpu_stacks(profile: Profile) -> set[tuple[str, ...]]:
    return {tuple(frame.function for frame in profile.frames(sample.stack)) for sample in profile.samples}


def test_cpu_time_goes_to_a_second_file_with_the_lines_of_the_program_and_no_other(place: Place):
    place.write(textwrap.dedent(BUSY) + f"work()\nheld = bytearray({BYTES})\n")
    ours = place.run("program.py", options=("--cpu", "1"))
    assert sorted(path.name for path in place.folder.glob("out*")) == ["out.cpu.pb.gz", "out.pb.gz"]
    profile = place.profile("out.cpu.pb.gz")
    assert profile.note("script") == "program.py"
    assert profile.period == 1_000_000
    assert ("busy", "work", "<module>") in cpu_stacks(profile)
    files = {frame.file for location in profile.locations for frame in location.frames if frame.is_python}
    assert not [file for file in files if "/spprof/" in file]
    # The bytearray object is a separate block of 56 bytes. If it happens to be sampled, it represents half a megabyte.
    assert any(BYTES < value < 1.2 * BYTES for value in place.sites().values())
    lines = [line for line in ours.stderr.splitlines() if line.startswith("spprof: ")]
    assert lines[0].startswith("spprof: live at the end: ")
    assert any(re.fullmatch(r"spprof: CPU: .* samples of 1 thread, 1 per .*", line) for line in lines)
    assert any(re.fullmatch(r"spprof:  .* [mu]?s +\d+\.\d %  busy \(.*program\.py:\d\)", line) for line in lines), lines
    assert lines[-1] == "spprof: wrote out.cpu.pb.gz; view it with: spprof table out.cpu.pb.gz"


def test_what_writing_the_heap_uses_is_not_taken_for_the_programs(place: Place):
    """If the CPU time spent on writing the heap profile were not subtracted, the time of short threads would be
    negative.
    """
    place.write("""
        import threading, time
        def use():
            end = time.thread_time_ns() + 5_000_000
            while time.thread_time_ns() < end:
                pass
        held = [bytearray(1_000) for _ in range(20_000)]
        for _ in range(20):
            thread = threading.Thread(target=use)
            thread.start(); thread.join()
        """)
    place.run("program.py", options=("--cpu", "1000", "--rate-kb", "0"))
    profile = place.profile("out.cpu.pb.gz")
    of_threads = ("<threads too short to sample>", "_bootstrap")  # a sampled thread represents the others
    rest = [s.values[1] for s in profile.samples if profile.frames(s.stack)[-1].function.endswith(of_threads)]
    assert sum(rest) >= 15 * 5_000_000
    short = profile.note("short_threads")
    assert short is not None
    assert int(short) >= 15


def test_cpu_time_alone_needs_no_library_and_one_file(place: Place):
    place.write(textwrap.dedent(BUSY) + "work()\nprint(open('/proc/self/environ').read().count('LD_PRELOAD'))\n")
    ours = place.run("program.py", options=("--cpu", "--no-heap"))
    assert ours.stdout == "0\n"
    assert [path.name for path in place.folder.glob("out*")] == ["out.pb.gz"]
    profile = place.profile()
    assert (profile.default_type, profile.period) == ("cpu", 10_000_000)
    assert "live at the end" not in ours.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--cpu", "program.py"], ["spprof-program.py.{pid}.cpu.pb.gz", "spprof-program.py.{pid}.pb.gz"]),
        (["--cpu", "--no-heap", "program.py"], ["spprof-program.py.{pid}.cpu.pb.gz"]),
        (["--cpu=5", "-o", "x.json", "program.py"], ["x.cpu.json", "x.json"]),
        (["-o", "x", "--cpu", "2.5", "--", "program.py"], ["x", "x.cpu"]),
        (["--cpu", "--no-heap", "-o", "x.collapsed", "program.py"], ["x.collapsed"]),
    ],
)
def test_files_of_cpu_time_are_named_after_those_of_the_heap(place: Place, words: list[str], names: list[str]):
    place.write("import os; print(os.getpid())")
    ours = place.call([*SPPROF, "run", *words])
    assert ours.returncode == 0, ours.stderr
    (place.folder / "program.py").unlink()
    expected = [name.format(pid=ours.stdout.strip()) for name in names]
    assert sorted(path.name for path in place.folder.iterdir()) == expected


@pytest.mark.long
@pytest.mark.parametrize(
    "name", ["main", "raises", "interrupted", "terminated", "its own handler", "threads", "a fork", "workers"]
)
def test_a_script_behaves_as_without_us_under_the_cpu_profiler(place: Place, name: str):
    place.write(PROGRAMS[name])
    alone = place.call([sys.executable, "program.py"])
    ours = place.run("program.py", options=("--cpu", "1", "--no-heap"))
    assert (ours.stdout, theirs(ours.stderr), ours.returncode) == (alone.stdout, alone.stderr, alone.returncode)
    assert place.profile().note("script") == "program.py"


def test_forked_children_write_cpu_files_of_their_own(place: Place):
    place.write(
        textwrap.dedent(BUSY)
        + textwrap.dedent("""
        import multiprocessing, os
        def in_child(): busy()
        worker = multiprocessing.get_context("fork").Process(target=in_child)
        worker.start(); worker.join()
        work()
        print(worker.pid)
        """)
    )
    worker = place.run("program.py", options=("--cpu", "1", "--no-heap")).stdout.strip()
    assert {path.name for path in place.folder.glob("out*")} == {"out.pb.gz", f"out.{worker}.pb.gz"}
    of_child = {name for stack in cpu_stacks(place.profile(f"out.{worker}.pb.gz")) for name in stack}
    of_parent = {name for stack in cpu_stacks(place.profile()) for name in stack}
    assert ("in_child" in of_child, "work" in of_child) == (True, False)
    assert ("in_child" in of_parent, "work" in of_parent) == (False, True)


def test_every_leaves_both_files_whatever_happens(place: Place):
    place.write(textwrap.dedent(BUSY) + "work()\n" + rewritten("out.cpu.pb.gz") + "os._exit(7)\n")
    ours = place.run("program.py", options=("--every", "0.05", "--cpu", "1"))
    assert (ours.returncode, ours.stdout) == (7, "")
    assert place.profile().default_type == "inuse_space"
    stacks = cpu_stacks(place.profile("out.cpu.pb.gz"))
    assert ("busy", "work", "<module>") in stacks
    names = {name for stack in stacks for name in stack}
    assert not {"Recorder._tick", "Recorder._write", "_tick", "_write"} & names


def test_a_program_that_uses_the_cpu_profiler_itself_is_told_so(place: Place):
    place.write("import spprof\nspprof.start()\nprint(spprof.stop().mode, spprof.is_active())\n")
    ours = place.run("program.py", options=("--cpu", "--no-heap"))
    assert ours.stdout == "cpu True\n"
    assert ours.stderr.count("spprof.start() joins that profile") == 1
    assert ours.returncode == 0
    assert place.output.exists()
