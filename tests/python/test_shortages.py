"""Full tables falsify no number, and every output that shows numbers accounts for the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from asked_for import bytearray_size
from child import Child
from naive_heap import NaiveHeap
from report_reader import read_page
from specimens import specimen
from spprof.analysis.folding import with_folding_of
from spprof.analysis.shortages import sentences
from spprof.pprof.file import read_profile
from spprof.pprof.merge import merged
from spprof.pprof.profile import HEAP_TYPES, Location, Profile, Sample
from spprof.pprof.shortages import NO_SHORTAGE, STACKS_EVICTED, Shortages, shortages_of, summed
from spprof.results import Frame
from test_cli_reports import spprof
from test_formats import STACKS


def run(child: Child, what: str, **environment: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(
        child.run(specimen("shortages/many_stacks"), what, str(child.folder), environment=environment)
    )
    return told


def shown(child: Child, *words: str) -> str:
    finished = spprof(*words, child.folder / "late.pb.gz")
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


# ---- In a program


def test_stacks_that_leave_the_table_take_nothing_from_any_total(child: Child) -> None:
    told = run(child, "evicted", SPPROF_STACKS_MAX="262144")
    small = run(child, "evicted", SPPROF_STACKS_MAX="128")
    assert told["evicted"] == 0
    assert small["evicted"] > 500
    # 1000 blocks were allocated; saving the early file allocates another 2 to 6 MB. Double counting would add 10 MB.
    blocks = 1000 * bytearray_size(10_000)
    for one in (told, small):
        assert blocks <= one["allocated"] <= blocks + 8_000_000
    assert STACKS_EVICTED in shown(child, "table", "--sample-type", "alloc_space")


def test_what_finds_no_room_is_live_memory_under_a_marked_stack(child: Child) -> None:
    told = run(child, "held", SPPROF_STACKS_MAX="128")
    assert told["interval"] == [told["estimate"]] * 2
    assert told["kept"] <= told["estimate"] <= told["kept"] + 500_000
    assert told["unkept"] > 500
    assert re.search(r"\n +[\d.]+ MiB .* <stacks table full>\n", told["text"])


def test_code_that_finds_no_room_loses_its_name_and_no_byte(child: Child) -> None:
    told = run(child, "code", SPPROF_CODES_MAX="100")
    assert told["kept"] <= told["estimate"] <= told["kept"] + 500_000
    assert told["codes"] >= 200
    assert "<code table full>" in told["text"]


def test_a_full_table_of_live_samples_widens_the_interval(child: Child) -> None:
    """Seven of eight samples are dropped. The estimate's own interval, at odds of one in a million, contains the true
    value.
    """
    told = run(child, "held", SPPROF_LIVE_SAMPLES_MAX="200")
    assert told["thinned_rate"] > 0
    assert told["lost_bytes"] == 0
    low, high = told["interval"]
    width = high - low
    assert low < told["estimate"] < high
    assert abs(told["estimate"] - told["kept"]) < 1.5 * width


@pytest.mark.parametrize(
    ("what", "maximum", "sentence"),
    [
        ("evicted", "SPPROF_STACKS_MAX=128", r"[\d,]+ stacks without live memory left the table; .* not affected"),
        ("held", "SPPROF_STACKS_MAX=128", r"the table of stacks was full for [\d,]+ samples .* SPPROF_STACKS_MAX .*"),
        ("code", "SPPROF_CODES_MAX=100", r"the table of code was full for [\d,]+ samples.* SPPROF_CODES_MAX .*"),
        ("held", "SPPROF_LIVE_SAMPLES_MAX=200", r"the table of live samples was full.* SPPROF_LIVE_SAMPLES_MAX .*"),
    ],
)
def test_nothing_is_silent(child: Child, what: str, maximum: str, sentence: str) -> None:
    told = run(child, what, **dict([maximum.split("=")]))
    line = re.compile(rf"^{sentence}$", re.MULTILINE)
    assert line.search(told["text"])
    for verb in ("table", "tree", "stats"):
        assert line.search(shown(child, verb)), verb
    for verb in ("table", "stats"):
        assert json.loads(shown(child, verb, "--json"))["shortages"], verb
    facts = read_page(child.folder / "late.html").header["facts"]
    assert any(key == "note" and line.fullmatch(text) for key, text in facts)


def test_no_change_is_negative_for_what_was_folded(child: Child) -> None:
    run(child, "evicted", SPPROF_STACKS_MAX="128")
    files = (child.folder / "early.pb.gz", child.folder / "late.pb.gz")
    finished = spprof("diff", "--json", "--all", "-n", "10000", "--sample-type", "alloc_space", *files)
    assert finished.returncode == 0, finished.stderr
    sites = json.loads(finished.stdout)["sites"]
    assert STACKS_EVICTED in {site["function"] for site in sites}
    assert [site for site in sites if site["delta"] < 0] == []
    early, late = map(read_profile, map(str, files))
    assert with_folding_of(early, late) is not early


# ---- Files and sums


def test_the_comments_of_a_file_are_the_counters(tmp_path: Path) -> None:
    shortages = Shortages(3, 4096, 5, 1, 7, 9, 65536, 11, 13, (("out_of_memory", 2),))
    profile = Profile(HEAP_TYPES, comments=tuple(f"{key}: {text}" for key, text in shortages.comments().items()))
    assert shortages_of(profile) == shortages
    assert len(list(sentences(shortages))) == 7
    assert list(sentences(NO_SHORTAGE)) == []


def test_a_snapshot_without_shortage_says_nothing(tmp_path: Path) -> None:
    NaiveHeap(STACKS).snapshot().save(tmp_path / "x.pb.gz")
    assert shortages_of(read_profile(str(tmp_path / "x.pb.gz"))) == NO_SHORTAGE


def test_merging_adds_the_counters_up() -> None:
    one = Shortages(3, 10, thinned_rate=8192, dropped=(("out_of_memory", 2),))
    other = Shortages(4, 20, unkept_samples=1, thinned_rate=4096, dropped=(("out_of_memory", 1), ("hook_displaced", 5)))
    both = Shortages(7, 30, 1, thinned_rate=8192, dropped=(("out_of_memory", 3), ("hook_displaced", 5)))
    assert summed([one, other]) == both
    profiles = [
        Profile(HEAP_TYPES, comments=("kept: by all", *(f"{key}: {text}" for key, text in some.comments().items())))
        for some in (one, other)
    ]
    whole = merged(profiles)
    assert shortages_of(whole) == both
    assert "kept: by all" in whole.comments


def test_lost_samples_lift_the_upper_end_of_the_whole() -> None:
    heap = NaiveHeap(STACKS)
    heap.add(1000, 0, 1)
    snapshot = heap.snapshot(rate=0)
    low, high = snapshot.heap_bytes_interval()
    object.__setattr__(snapshot, "shortages", Shortages(lost_bytes=500))
    assert snapshot.heap_bytes_interval() == (low, high + 500)


# ---- Folding


def heap_of(evicted: int = 0, **allocated: int) -> Profile:
    """Return a profile with the bytes that each function has allocated, each in its own stack."""
    names = {"evicted": STACKS_EVICTED}
    locations = [Location((Frame(names.get(name, name), "", 0, 0, True),), -1, 0) for name in allocated]
    samples = [Sample((place,), (0, value, 0, 0), ()) for place, value in enumerate(allocated.values())]
    comments = (f"evicted_stacks: {evicted}",) if evicted else ()
    return Profile(HEAP_TYPES, locations, samples, comments=comments)


def allocated(profile: Profile) -> dict[str, int]:
    sums: dict[str, int] = {}
    for sample in profile.samples:
        (frame,) = profile.frames(sample.stack)
        sums[frame.function] = sums.get(frame.function, 0) + sample.values[1]
    return {name: value for name, value in sums.items() if value}


def test_what_an_earlier_moment_allocated_moves_with_the_stacks_that_left() -> None:
    old, new = heap_of(a=10, b=5), heap_of(evicted=1, a=12, evicted_=0)
    assert with_folding_of(old, new) is old, "nothing is folded there"
    late = heap_of(evicted=1, a=12)
    late = Profile(
        HEAP_TYPES,
        [*late.locations, Location((Frame(STACKS_EVICTED, "", 0, 0, True),), -1, 0)],
        [*late.samples, Sample((1,), (0, 8, 0, 0), ())],
        comments=late.comments,
    )
    assert allocated(with_folding_of(old, late)) == {"a": 10, STACKS_EVICTED: 5}


def test_two_runs_are_compared_as_they_are() -> None:
    old = heap_of(a=1000, b=5)
    assert with_folding_of(old, heap_of(a=3)) is old
    assert with_folding_of(old, heap_of(evicted=2, a=3)) is old
