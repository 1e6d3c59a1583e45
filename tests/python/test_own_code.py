"""The profiler's own work is not charged to the program: its memory is omitted, and its time is shown as one frame."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest
import spprof
from child import Child
from naive_heap import NaiveHeap, native_frame, python_frame
from place import Place
from specimens import specimen
from spprof import _engine
from spprof.analysis.by_site import Tally
from spprof.analysis.notes import notes_of
from spprof.cli import main as command_line
from spprof.heap.samples import OwnMemory
from spprof.pprof.file import read_bytes, read_profile, written
from spprof.pprof.merge import merged
from spprof.pprof.profile import Profile
from spprof.report.facts import facts_of
from spprof.results import Frame
from spprof.symbolize.own_code import OWN, with_own_as_one

PACKAGE = os.path.dirname(spprof.__file__)
APP = python_frame("main", 7)
HANDLER = python_frame("on_signal", 3)
OURS = python_frame("write", 30, os.path.join(PACKAGE, "formats/speedscope.py"))
SAVE = python_frame("save", 80, os.path.join(PACKAGE, "heap/snapshot.py"))
RUN = python_frame("_execute", 90, os.path.join(PACKAGE, "cli/bootstrap.py"))
PROFILED = python_frame("profiled", 90, os.path.join(PACKAGE, "cpu_time/decorator.py"))
DUMPS = python_frame("dumps", 5, json.__file__)
FROZEN = python_frame("_find_spec", 5, "<frozen importlib._bootstrap>")
GENERATED = python_frame("__create_fn__.<locals>.__init__", 2, "<string>")
INSTALLED = python_frame("find_spec", 5, os.path.join(os.path.dirname(os.__file__), "site-packages/hook.py"))
C = native_frame("deflate")


@pytest.mark.parametrize(
    ("stack", "shown"),
    [
        ((APP,), (APP,)),
        ((C, APP), (C, APP)),
        ((DUMPS, APP), (DUMPS, APP)),
        ((OURS, APP), (OWN, APP)),
        ((C, OURS, SAVE, APP), (OWN, APP)),
        ((C, DUMPS, FROZEN, OURS, DUMPS, SAVE, C, APP), (OWN, C, APP)),
        ((GENERATED, OURS, APP), (OWN, APP)),
        ((OURS, DUMPS), (OWN, DUMPS)),
        ((OURS,), (OWN,)),
        ((HANDLER, OURS, APP), (HANDLER, OURS, APP)),
        ((DUMPS, HANDLER, OURS, APP), (DUMPS, HANDLER, OURS, APP)),
        ((INSTALLED, FROZEN, OURS, APP), (INSTALLED, FROZEN, OURS, APP)),
        ((OURS, HANDLER, OURS, APP), (OWN, HANDLER, OURS, APP)),
        ((APP, RUN), (APP, RUN)),
        ((DUMPS, RUN), (DUMPS, RUN)),
        ((OURS, RUN), (OWN, RUN)),
        ((C, PROFILED, APP), (C, PROFILED, APP)),
        ((C,), (C,)),
    ],
)
def test_what_is_ours_at_the_leaf_is_one_frame(stack: tuple[Frame, ...], shown: tuple[Frame, ...]):
    assert with_own_as_one(stack) == shown


# ---- memory


def some_profile(own: int) -> Profile:
    heap = NaiveHeap({1: (APP,)})
    heap.add(1000, 0, 1)
    snapshot = heap.snapshot(rate=0)
    fixed = own * _engine.BYTES_ONE
    return dataclasses.replace(snapshot, own=OwnMemory(3, 5, 2 * fixed, fixed)).to_pprof()


def test_a_file_tells_what_the_profiler_held_and_has_no_samples_of_it():
    profile = read_bytes(b"".join(written(some_profile(3 << 20))))
    assert profile.note("profiler_bytes") == str(3 << 20)
    assert Tally(profile, 3).whole.value == 1000
    sentence = "the profiler itself holds 3.0 MiB (not included)"
    assert list(notes_of(profile).sentences()) == [sentence]
    assert ("note", sentence) in facts_of(profile)
    assert notes_of(profile).document()["profiler_bytes"] == 3 << 20


def test_a_profiler_that_holds_nothing_is_not_mentioned():
    profile = some_profile(0)
    assert profile.note("profiler_bytes") is None
    assert list(notes_of(profile).sentences()) == []


def test_a_merge_adds_up_what_the_profiler_holds_in_each_process():
    profiles = [some_profile(own) for own in (1000, 0, 1000, 500)]
    assert merged(profiles).profiler_bytes == 2500
    assert merged([merged(profiles[:2]), *profiles[2:]]).profiler_bytes == 2500
    assert merged(profiles[1:2]).note("profiler_bytes") is None
    assert [text for text in merged(profiles[::2]).comments if text.startswith("profiler")] == ["profiler_bytes: 2000"]


def test_a_number_that_is_none_is_not_believed():
    profile = some_profile(7)
    profile.comments = ("profiler_bytes: -7",)
    assert profile.profiler_bytes == 0


@pytest.mark.parametrize("verb", ["table", "tree", "stats"])
def test_reports_say_what_the_profiler_held(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "own.pb.gz"
    file.write_bytes(b"".join(written(some_profile(3 << 20))))
    assert command_line.main([verb, str(file)]) == 0
    assert "the profiler itself holds 3.0 MiB (not included)" in capsys.readouterr().out


# ---- whole programs


def test_what_the_profiler_holds_is_left_out(child: Child):
    child.run(specimen("own_code/what_the_profiler_holds_is_left_out"), str(child.folder / "out"))


@pytest.mark.parametrize("preload", [False, True], ids=["", "preloaded"])
def test_what_the_program_does_inside_of_us_is_its_own(child: Child, preload: bool):
    program = specimen("own_code/what_the_program_does_inside_of_us_is_its_own")
    child.run(program, str(child.folder / "out"), preload=preload)


def test_a_block_counts_only_the_programs_samples(child: Child):
    child.run(specimen("own_code/a_block_counts_only_the_programs_samples"))


def test_time_of_the_profiler_is_one_frame(child: Child):
    child.run(specimen("own_code/time_of_the_profiler_is_one_frame"), str(child.folder / "out"))
    profile = read_profile(str(child.folder / "out.pb.gz"))
    assert [key.function for key in Tally(profile, profile.time_index).own if key.function == "<spprof>"] == [
        "<spprof>"
    ]


def test_a_run_that_writes_every_so_often_shows_none_of_it(place: Place):
    """Every allocation is sampled, including those of our thread, of the final work, and of writing the file itself."""
    place.write("""
        import os, time
        kept = bytearray(100_000)
        seen = set()
        while len(seen) < 3:
            if os.path.exists("out.pb.gz"):
                status = os.stat("out.pb.gz")
                seen.add((status.st_ino, status.st_mtime_ns))
        """)
    finished = place.run("program.py", options=("--every", "0.02", "--rate-kb", "0"))
    assert finished.returncode == 0
    assert "the profiler itself holds" in finished.stderr
    for index in (1, 3):
        sites = Tally(place.profile(), index).own
        assert not [key for key in sites if key.file.startswith(PACKAGE)]
    assert place.profile().profiler_bytes > 0
