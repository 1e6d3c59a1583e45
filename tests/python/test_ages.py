"""Ages of blocks: bands in files, columns of tables, and the option for blocks older than an age."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from naive_heap import NaiveHeap, python_frame
from spprof.analysis import ages
from spprof.pprof.file import read_profile
from spprof.pprof.merge import merged
from spprof.pprof.profile import INUSE_SPACE, VIEWS, Profile
from test_cli_reports import PROFILES, spprof

SECOND = 10**9
NOW = 40 * 86400 * SECOND
CACHE, REQUEST = python_frame("cache", 1, "/app/cache.py"), python_frame("request", 2, "/app/serve.py")
MIB = 1 << 20


def test_the_band_of_a_block_is_the_last_that_began_by_its_age() -> None:
    chance = random.Random(7)
    limits = ages.limits(NOW)
    tried = [chance.randrange(2 * NOW) for _ in range(2000)]
    tried += [NOW - band * SECOND + off for band in ages.BANDS for off in (-1, 0, 1)]
    for time_ns in tried:
        age_ns = NOW - time_ns
        expected = max((band for band in ages.BANDS if band * SECOND <= age_ns), default=0)
        assert ages.band_of(time_ns, limits) == expected, age_ns


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("30s", 30), ("10m", 600), ("10 min", 600), ("1.5h", 5400), ("7D", 604800), ("0", 0)],
)
def test_ages_are_read_as_people_type_them(text: str, seconds: float) -> None:
    assert ages.seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "m10", "-1", "10 years", "1e99", "nan", "inf", "10mm", "0x10"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ages.seconds_of(text)
    said = spprof("table", "--older-than", text, "x.pb.gz") if text != "-1" else None
    assert said is None or (said.returncode == 2 and "is not an age; use for example 30s, 10m, 2h or 1d" in said.stderr)


def test_ages_are_told_by_their_band() -> None:
    told = [ages.age_text(band) for band in (None, 0, 1, 30, 60, 1800, 3600, 43200, 86400, 864000)]
    assert told == ["", "<1 s", ">1 s", ">30 s", ">1 min", ">30 min", ">1 h", ">12 h", ">1 d", ">10 d"]


def test_the_oldest_and_the_median_byte() -> None:
    some = ages.Ages()
    assert (some.oldest, some.median) == (None, None)
    for band, value in ((600, 10), (0, 60), (3600, 0), (5, 50)):
        some.add(band, value)
    assert (some.oldest, some.median) == (600, 0)
    some.add(5, 1)
    assert some.median == 5


@pytest.fixture
def heap(tmp_path: Path) -> Path:
    """A cache of 3 MiB, 2 of which are 20 minutes old, and a request of 1 MiB that has just started."""
    made = NaiveHeap({1: (CACHE,), 2: (REQUEST,)})
    for stack_id, age in ((1, 1200), (1, 1201), (1, 3), (2, 0)):
        made.add(MIB, 4096, stack_id).time_ns = NOW - age * SECOND
    made.snapshot(now_ns=NOW).save(tmp_path / "heap.pb.gz")
    return tmp_path / "heap.pb.gz"


def test_blocks_of_one_band_are_one_sample(heap: Path) -> None:
    profile = read_profile(str(heap))
    at = profile.sample_types.index(INUSE_SPACE)
    found = sorted((ages.age_of(sample), sample.values[at] // MIB) for sample in profile.samples if sample.values[at])
    assert found == [(0, 1), (2, 1), (600, 2)]


def test_tables_say_how_old_the_oldest_and_the_median_byte_are(heap: Path) -> None:
    lines = spprof("table", heap).stdout.split("\n")
    assert lines[1].split()[-3:] == ["oldest", "median", "site"]
    rows = {line.split()[-2]: line for line in lines[2:4]}
    assert "  >10 min   >10 min  " in rows["cache"]
    assert "  <1 s      <1 s  " in rows["request"]
    document = json.loads(spprof("table", "--json", heap).stdout)
    known = {one["function"]: (one["oldest_seconds"], one["median_age_seconds"]) for one in document["sites"]}
    assert known == {"cache": (600, 600), "request": (0, 0)}


def test_what_is_older_than_an_age_is_shown_alone(heap: Path) -> None:
    said = spprof("table", "--older-than", "11m", heap).stdout.split("\n")
    assert said[0].startswith("inuse_space, older than 10 min: 2.0 MiB (")
    assert "request" not in "\n".join(said)
    assert "2.0 MiB" in spprof("tree", "--older-than", "600", heap).stdout
    all_of_it = json.loads(spprof("table", "--json", "--older-than", "0", heap).stdout)
    assert all_of_it["value"] == json.loads(spprof("table", "--json", heap).stdout)["value"]
    nothing = spprof("table", "--older-than", "1h", heap)
    assert nothing.returncode == 0
    assert "0 B" in nothing.stdout
    peak = spprof("table", "--older-than", "1m", "--view", "peak", heap)
    assert peak.returncode == 1
    assert "no view 'peak'" in peak.stderr


def test_a_file_without_ages_cannot_be_asked(tmp_path: Path) -> None:
    said = spprof("table", "--older-than", "1m", PROFILES / "go-heap.pb.gz")
    assert said.returncode == 1
    assert "needs the ages of blocks" in said.stderr
    assert "oldest" not in spprof("table", PROFILES / "go-heap.pb.gz").stdout


def test_files_that_are_added_up_keep_ages(heap: Path) -> None:
    both = merged([read_profile(str(heap)), read_profile(str(heap))])
    assert _live(ages.older_than(both, 600)) == 4 * MIB
    assert _live(ages.older_than(both, 2)) == 6 * MIB
    assert _live(ages.older_than(both, 0)) == _live(both) == 8 * MIB


def _live(profile: Profile) -> int:
    at = profile.sample_types.index(VIEWS["live"][0])
    return sum(sample.values[at] for sample in profile.samples)


def test_a_live_program_tells_the_ages_of_its_blocks(tmp_path: Path) -> None:
    from spprof import memprof

    with memprof.MemoryProfiler(sampling_rate_kb=1) as profiled:
        held = bytearray(MIB)
    taken = profiled.snapshot
    assert taken is not None
    taken.save(tmp_path / "x.pb.gz")
    profile = read_profile(str(tmp_path / "x.pb.gz"))
    known = [ages.age_of(sample) for sample in profile.samples if any(sample.values[2:4])]
    assert known
    assert all(age in ages.BANDS for age in known)
    assert max(age or 0 for age in known) <= 86400
    del held
