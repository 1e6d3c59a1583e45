"""``spprof growth`` and ``memprof.growth(folder)``: the verdict on each site from a series of snapshots in files."""

from __future__ import annotations

import shutil
from dataclasses import astuple
from pathlib import Path

import pytest
import spprof.memprof as memprof
from series_files import Made, kept_of, python_frame, random_series, stacks_of
from spprof.analysis.growth import Cohort, Moment, SiteSeen, growth
from spprof.analysis.sample_weights import weight
from spprof.analysis.sites import SiteKey, Sums, key_of
from spprof.pprof.encode import encode
from spprof.pprof.file import read_profile
from spprof.results import SiteGrowth
from test_cli_reports import document, printed, spprof

COUNT = 40
MAIN = python_frame("main", 1)
_BYTES_ONE = weight(1, 1).sums.fixed


def by_hand(made: Made, number: int) -> Moment:
    """Return the blocks that are live at a snapshot, grouped by site and birth."""
    now = made.moments[number]
    live: dict[SiteKey, dict[int, Sums]] = {}
    allocated: dict[SiteKey, int] = {}
    for stack, rows in stacks_of(now).items():
        key = key_of(now.frames[stack][0])
        allocated[key] = allocated.get(key, 0) + sum(values[1] for _, values, _ in rows)
        for block, count in now.live[stack].items():
            sums = live.setdefault(key, {}).setdefault(block.allocated_by, Sums())
            sums.add(weight(block.size, block.rate).sums, count)
    sites = {}
    for key, space in allocated.items():
        cohorts = [
            Cohort(born / 1000, one.samples, one.fixed / _BYTES_ONE, one.variance, one.skewness)
            for born, one in live.get(key, {}).items()
        ]
        sites[key] = SiteSeen(tuple(cohorts), float(space))
    return Moment(now.monotonic_ms / 1000, sites)


def check_same(found: list[SiteGrowth], expected: list[SiteGrowth]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        for field, its in zip(astuple(one), astuple(other)):
            assert field == its or field == pytest.approx(its, rel=1e-9, abs=1e-6), (one, other)


@pytest.mark.parametrize("spacing", [1, 4])
@pytest.mark.parametrize("seed", range(5))
def test_a_folder_says_what_the_process_tells_of_itself(seed: int, spacing: int, tmp_path: Path) -> None:
    made = random_series(seed, tmp_path / "x", COUNT)
    kept = kept_of(COUNT, spacing)
    made.write(kept, spacing)
    longest = max(made.moments[number].period for number in kept)
    expected = growth([by_hand(made, number) for number in kept], longest).sites
    assert expected
    assert any(one.bytes_per_second for one in expected)
    check_same(memprof.growth(made.folder), expected)
    check_same(memprof.growth(str(made.folder)), expected)


def leaking(folder: Path, count: int = COUNT, **named: str) -> Made:
    """Write a series with 50 samples at the start, a leak of 2 samples every 10 s, a full cache, and one permanent
    sample.
    """
    made = Made(folder, **named)
    stacks = [made.stack(python_frame(name, at), MAIN) for at, name in enumerate(("leak", "cache", "few", "base"), 7)]
    leak, cache, few, base = stacks
    made.allocate(base, 4096, 50, age=600)
    held = []
    for number in range(count):
        made.allocate(leak, 4096, 2)
        held.append(made.allocate(cache, 1 << 20, 1 + number % 3))
        if len(held) > 6:
            first = held.pop(0)
            made.free(cache, first, made.now.live[cache][first])
        if number == 20:
            made.allocate(few, 4096)
        made.take()
    made.write()
    return made


def test_the_table_says_what_grows_how_fast_and_what_is_freed(tmp_path: Path) -> None:
    made = leaking(tmp_path / "x")
    lines = printed("growth", made.folder, TZ="UTC").splitlines()
    held = sum(values[3] for rows in stacks_of(made.moments[-1]).values() for _, values, _ in rows)
    assert lines[0] == (
        f"spprof-app.4711: 40 snapshots over 6.5 min, from 2026-10-26 07:33:20 to 2026-10-26 07:39:50; "
        f"{held / 2**20:.1f} MiB live at the end; 4 sites: 1 growing, 0 filling"
    )
    assert lines[1].split() == "per minute 95 % interval verdict oldest by 5.3 min site".split()
    rows = [line.split() for line in lines[2:6]]
    assert [row[-2] for row in rows] == ["leak", "cache", "few", "base"]
    assert [row[-1] for row in rows] == [f"(main.py:{line})" for line in (7, 8, 9, 10)]
    leak, _, few, base = rows
    assert leak[:2] == ["+6.0", "MiB"], "2 samples of 512 KiB and a bit each 10 s"
    assert leak[7:12] == ["growing", ">5", "min", "0.0", "%"]
    assert few[7] == "unknown"
    assert (base[:2], base[7:10]) == (["0", "B"], ["steady", ">10", "min"])
    assert lines[6] == "by 5.3 min: how much of the memory older than this has been freed."
    assert lines[7].startswith("growing: ")
    assert "A leak and a cache that is still filling look alike until the cache is full." in lines[7]
    assert lines[8].startswith("steady: ")
    few_needs = "few (main.py:9) needs 17 more samples, about 110 min at this pace"
    assert lines[9].startswith(f"unknown: there are too few samples to decide. {few_needs}. ")
    assert len(lines) == 10
    assert printed("growth", "-n", "1", made.folder).splitlines()[3] == "3 more; -n 4 shows all"


def test_the_document_has_every_number(tmp_path: Path) -> None:
    made = leaking(tmp_path / "x")
    told = document("growth", made.folder)
    assert told["schema"] == "spprof-growth-1"
    (one,) = told["series"]
    sites = one.pop("sites")
    first, last = made.moments[0], made.moments[-1]
    held = sum(values[3] for rows in stacks_of(last).values() for _, values, _ in rows)
    assert one == {
        "name": "spprof-app.4711",
        "snapshots": 40,
        "unwritten": 0,
        "first_time_ns": first.time_ns,
        "last_time_ns": last.time_ns,
        "seconds": 390.0,
        "live_bytes": held,
        "sites_in_series": 4,
    }
    for row, site in zip(sites, memprof.growth(made.folder)):
        assert [(share["age_seconds"], share["share"]) for share in row.pop("freed_shares")] == list(site.freed_shares)
        assert row == {key: getattr(site, key) for key in row}
        assert set(row) | {"freed_shares"} == set(SiteGrowth.__annotations__)
    assert len(document("growth", "-n", "2", made.folder)["series"][0]["sites"]) == 2


def test_each_series_has_a_section_the_largest_first(tmp_path: Path) -> None:
    small = leaking(tmp_path / "x", 12)
    large = leaking(tmp_path / "x", 20, stem="spprof-app.4712", mark="f" * 16)
    assert small.folder == large.folder
    sections = printed("growth", small.folder).split("\n\n")
    assert [section.split(":")[0] for section in sections] == ["spprof-app.4712", "spprof-app.4711"]
    assert [one["name"] for one in document("growth", small.folder)["series"]] == ["spprof-app.4712", "spprof-app.4711"]
    found = memprof.growth(small.folder)
    assert [one.function for one in found].count("leak") == 2
    verdicts = [one.verdict == "growing" for one in found]
    assert verdicts == sorted(verdicts, reverse=True)
    shutil.copytree(small.folder, tmp_path / "y")
    assert len(document("growth", small.folder, tmp_path / "y")["series"]) == 4


def test_an_import_is_a_site_of_its_own(tmp_path: Path) -> None:
    made = Made(tmp_path / "x")
    bootstrap = "<frozen importlib._bootstrap>"
    stack = made.stack(
        python_frame("get_code", 5, "<frozen importlib._bootstrap_external>"),
        python_frame("_find_and_load", 9, bootstrap),
        python_frame("load", 3),
    )
    other = made.stack(
        python_frame("<module>", 1, "/usr/lib/python3.11/json/__init__.py"),
        python_frame("_find_and_load", 9, bootstrap),
        python_frame("load", 3),
    )
    for _ in range(12):
        made.allocate(stack, 4096)
        made.allocate(other, 4096)
        made.take()
    made.write()
    assert {one.function for one in memprof.growth(made.folder)} == {"import json", "<module>"}


def test_few_snapshots_are_told_to_be_few(tmp_path: Path) -> None:
    made = leaking(tmp_path / "x", 5)
    assert printed("growth", made.folder).splitlines()[-1] == (
        "At least 10 snapshots are needed to classify a site as growing."
    )


def test_snapshots_that_could_not_be_written_are_counted(tmp_path: Path) -> None:
    made = leaking(tmp_path / "x", 12)
    path = made.paths[11]
    profile = read_profile(str(path))
    profile.comments += ("unwritten: 3",)
    path.write_bytes(b"".join(encode(profile)))
    assert ", 3 more could not be written; " in printed("growth", made.folder).splitlines()[0]
    assert document("growth", made.folder)["series"][0]["unwritten"] == 3


# ---- Bad input


def test_what_cannot_be_used_is_left_out_and_told(tmp_path: Path) -> None:
    made = leaking(tmp_path / "x", 16)
    made.moments[10] = made.moments[10]._replace(monotonic_ms=made.moments[9].monotonic_ms)
    made.write()
    made.paths[13].write_bytes(made.paths[13].read_bytes()[:-20])
    (made.folder / "plain.pb.gz").write_bytes(b"of no interest")
    said = spprof("growth", made.folder)
    assert said.returncode == 0
    assert said.stderr == (
        f"spprof: {made.folder}: used 14 snapshots of spprof-app.4711; left out: spprof-app.4711.000013.changes.gz (it "
        f"ends in the middle of its gzip data), plain.pb.gz (it is not part of a series), "
        f"spprof-app.4711.000010.changes.gz (its monotonic time is not later than that of the snapshot before it)\n"
    )
    assert said.stdout.startswith("spprof-app.4711: 14 snapshots over ")
    with pytest.warns(RuntimeWarning, match=r"growth\(\) left out spprof-app\.4711\.000013\.changes\.gz \(it ends"):
        memprof.growth(made.folder)


def test_one_snapshot_tells_nothing_of_growth(tmp_path: Path) -> None:
    made = leaking(tmp_path / "x", 1)
    said = spprof("growth", made.folder)
    name = "spprof-app.4711.000000.pb.gz"
    reason = f"{name} (it is the only snapshot of spprof-app.4711, and growth needs two)"
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == f"spprof: {made.folder}: no usable snapshot: {reason}\n"
    with pytest.raises(ValueError, match=r"has no series of two or more snapshots: left out spprof-app\."):
        memprof.growth(made.folder)
    leaking(tmp_path / "x", 12, stem="spprof-app.4712", mark="f" * 16)
    said = spprof("growth", made.folder)
    assert said.returncode == 0
    assert said.stderr == f"spprof: {made.folder}: used 12 snapshots of spprof-app.4712; left out: {reason}\n"


def test_folders_without_a_series_are_named(tmp_path: Path) -> None:
    said = spprof("growth", tmp_path)
    assert (said.returncode, said.stderr) == (1, f"spprof: {tmp_path}: the folder has no series of snapshots\n")
    said = spprof("growth", tmp_path / "none")
    assert said.returncode == 1
    assert said.stderr == f"spprof: {tmp_path / 'none'}: No such file or directory\n"
    (tmp_path / "x.pb.gz").write_bytes(b"")
    said = spprof("growth", tmp_path / "x.pb.gz")
    assert said.returncode == 1
    assert said.stderr == (
        f"spprof: {tmp_path / 'x.pb.gz'}: growth needs a folder with a series of snapshots; this is not a folder\n"
    )
    with pytest.raises(FileNotFoundError):
        memprof.growth(tmp_path / "none")
    with pytest.raises(ValueError, match="has no series of two or more snapshots"):
        memprof.growth(tmp_path)
