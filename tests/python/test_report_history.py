"""The report of a series: live memory over time, and the snapshot in which each entry was first seen."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import pytest
from heaps_over_time import BOOTED_MS, EVERY_MS, START_NS, random_heaps
from naive_heap import python_frame
from report_reader import Read, read, read_page
from series_files import Block, Made, kept_of, random_series, values_of
from spprof.analysis.by_site import Tally
from spprof.analysis.imports import with_imports_folded
from spprof.analysis.paths import ShortPaths
from spprof.analysis.sites import SiteKey
from spprof.pprof.file import written as pprof_of
from spprof.pprof.profile import HEAP_TYPES, Label, Location, Profile, Sample, ValueType
from spprof.records import replace
from spprof.report import history
from spprof.report.build import report_of
from spprof.report.encode import encode
from spprof.report.history import SITES_MOST, Moment, SeriesSums, history_of, in_order, moment_of
from spprof.report.model import Report
from spprof.report.page import written
from test_cli_reports import printed

SITE = Location((python_frame("serve", 20, "/srv/app/serve.py"),), -1, 0)
NO_PATHS = ShortPaths([])


def decoded(report: Report) -> Read:
    return read(zlib.decompress(encode(report)))


def moment(at: int, live: int = 0, sites: dict[SiteKey, int] | None = None, time_ns: int | None = None) -> Moment:
    """Return one snapshot of a series that is taken every second."""
    return Moment(START_NS + at * 10**9 if time_ns is None else time_ns, at * 1000, live, None, sites or {})


# ---- When each entry was allocated


@pytest.mark.parametrize("seed", range(3))
def test_entries_tell_from_which_snapshot_on_they_were_seen(seed: int):
    heaps = random_heaps(seed)
    wanted: dict[tuple[str, str, int], int] = {}
    for block in heaps.live(heaps.count - 1):
        key = heaps.frames[block.function].function, block.thread, block.born + 1
        wanted[key] = wanted.get(key, 0) + block.size
    found = decoded(report_of(heaps.last, moments=heaps.moments()))
    shown: dict[tuple[str, str, int], int] = {}
    for (node, thread), point, value in zip(found.entries, found.points, found.values[0][3]):
        key = found.places[found.paths[node][-1]][0], found.header["threads"][thread], point
        assert key not in shown, "an entry occurs twice"
        if value:
            shown[key] = value
    assert shown == wanted


def point_of(*labels: Label) -> int:
    """Return the snapshot in which a block with these labels was first seen, in a series at 10, 20 and 40 seconds."""
    samples = [Sample((0,), (1, 64, 1, 64), (Label("bytes", None, 64, "bytes"), *labels))]
    profile = Profile(HEAP_TYPES, [SITE], samples, default_type="inuse_space", period=1)
    (point,) = decoded(report_of(profile, moments=[moment(at) for at in (10, 20, 40)])).points
    return point


@pytest.mark.parametrize(
    ("by_ms", "point"),
    [(-5, 1), (0, 1), (10_000, 1), (10_001, 2), (20_000, 2), (30_000, 3), (40_000, 3), (2**62, 3)],
    ids="negative older first behind second thinned last later".split(),
)
def test_a_block_belongs_to_the_first_snapshot_that_is_left_and_could_see_it(by_ms: int, point: int):
    assert point_of(Label("allocated_by", None, by_ms, "milliseconds")) == point


def test_a_block_without_a_time_belongs_to_no_snapshot():
    assert point_of() == 0
    assert point_of(Label("allocated_by", "10000")) == 0


def test_what_counts_live_memory_has_times_and_nothing_else():
    heaps = random_heaps(1)
    header = decoded(report_of(heaps.last, moments=heaps.moments())).header
    assert [header["columns"][at][:2] for at in header["dated"]] == [["in use", "objects"], ["in use", "bytes"]]


def test_sums_by_stack_are_those_of_the_same_profile_without_a_series():
    heaps = random_heaps(2, rate=4096)
    alone, of_series = decoded(report_of(heaps.last)), decoded(report_of(heaps.last, moments=heaps.moments()))
    sums: dict[tuple[tuple[int, ...], int], list[int]] = {}
    for at, (node, thread) in enumerate(of_series.entries):
        of_stack = sums.setdefault((of_series.paths[node], thread), [0] * 4)
        for column in range(4):
            of_stack[column] += of_series.values[0][column][at]
    assert sums == {
        (alone.paths[node], thread): [column[at] for column in alone.values[0]]
        for at, (node, thread) in enumerate(alone.entries)
    }
    for part in range(3):
        of_all = [sum(row[part] for row in found.spreads[0][0]) for found in (alone, of_series)]
        assert of_all[1] == pytest.approx(of_all[0]) != 0


# ---- Live memory over time


def test_points_are_the_sums_of_each_snapshot():
    heaps = random_heaps(4, rate=512 * 1024)
    header = decoded(report_of(heaps.last, moments=heaps.moments())).header
    sites, points = header["history"]
    names = [name for name, _ in sites]
    most = {
        frame.function: max(
            heaps.by_function(heaps.live(at)).get(frame.function, 0) for at in range(heaps.count)
        ) for frame in heaps.frames
    }  # fmt: skip
    assert names == sorted(most, key=lambda name: -most[name])[:SITES_MOST]
    assert sites[0] == ["serve_0", "shop/part_0.py:10"]
    for at, (wall_ms, at_ms, live, low, high, rss, pss, parts) in enumerate(points):
        blocks = heaps.live(at)
        assert (wall_ms, at_ms) == (START_NS // 10**6 + at * EVERY_MS, at * EVERY_MS)
        assert live == pytest.approx(heaps.bytes(blocks), abs=len(blocks))
        profile = heaps.profile(at)
        assert (low, high) == Tally(profile, 3).whole_interval()
        assert (rss, pss) == (heaps.rss(at), heaps.rss(at) - 4096)
        by_function = heaps.by_function(blocks)
        assert parts[:-1] == pytest.approx([by_function.get(name, 0) for name in names], abs=len(blocks))
        assert sum(parts) == live


@pytest.mark.parametrize("rate", [1, 512 * 1024])
def test_sums_of_what_has_changed_are_those_of_whole_profiles(rate: int):
    heaps = random_heaps(5, rate=rate)
    sums, before = SeriesSums(heaps.locations), {}
    for at in range(heaps.count):
        stacks = {number: before.get(number) if before.get(number) == rows else rows
                  for number, rows in heaps.stacks(at).items()}  # fmt: skip
        if at % 7 == 5:
            del stacks[7]
        profile = heaps.profile(at)
        live = [sample for sample in profile.samples if at % 7 != 5 or sample.stack[0] != 1]
        wanted = moment_of(replace(profile, samples=live), heaps.ms(at))
        found = sums.moment(replace(profile, samples=[]), stacks, heaps.ms(at))
        held = {site: size for site, size in wanted.sites.items() if size}
        assert found._replace(ends=None) == wanted._replace(ends=None, sites=held)
        assert found.ends == pytest.approx(wanted.ends, abs=1)
        before = stacks


def test_rows_that_are_the_same_object_are_not_summed_up_again(monkeypatch: pytest.MonkeyPatch):
    heaps = random_heaps(5)
    summed: list[Sample] = []
    monkeypatch.setattr(history, "adder", lambda *_: lambda sample, sums: summed.append(sample))
    sums, stacks = SeriesSums(heaps.locations), heaps.stacks(10)
    rows = sum(map(len, stacks.values()))
    sums.moment(heaps.last, stacks, 1)
    assert len(summed) == rows
    sums.moment(heaps.last, dict(stacks), 2)
    assert len(summed) == rows
    sums.moment(heaps.last, {**stacks, 7: stacks[7] + stacks[7]}, 3)
    assert len(summed) == rows + 2 * len(stacks[7])


def test_rows_of_other_sample_types_are_read_by_them():
    heaps = random_heaps(5)
    sums, profile = SeriesSums(heaps.locations), heaps.last
    wanted = sums.moment(profile, heaps.stacks(19), 1)
    types = [HEAP_TYPES[at] for at in (3, 2)]
    turned = {number: tuple(row._replace(values=(row.values[3], row.values[2])) for row in rows)
              for number, rows in heaps.stacks(19).items()}  # fmt: skip
    assert sums.moment(replace(profile, sample_types=tuple(types)), turned, 1) == wanted


def test_sites_of_a_series_are_those_that_the_page_shows():
    bootstrap = "<frozen importlib._bootstrap>"
    frames = [
        python_frame("<module>", 1, "/usr/lib/python3.11/json/decoder.py"),
        python_frame("_call_with_frames_removed", 241, bootstrap),
        python_frame("_find_and_load", 1176, bootstrap),
        python_frame("main", 3, "/srv/app/main.py"),
    ]
    locations = [Location((frame,), -1, 0) for frame in frames]
    labels = (Label("bytes", None, 64, "bytes"),)
    rows = (Sample((2, 3), (1, 64, 1, 64), labels), Sample((0, 1, 2, 3), (1, 64, 1, 64), labels))
    profile = Profile(HEAP_TYPES, locations, list(rows), default_type="inuse_space", period=1)
    wanted = moment_of(with_imports_folded(profile), 0).sites
    assert SeriesSums(locations).moment(profile, {1: rows[:1], 2: rows[1:]}, 0).sites == wanted
    assert any(site.function.startswith("import ") for site in wanted)
    raw = SeriesSums(locations, lambda profile: profile).moment(profile, {1: rows[:1], 2: rows[1:]}, 0).sites
    assert raw == moment_of(profile, 0).sites != wanted


def test_what_a_file_does_not_tell_is_not_known():
    heaps = random_heaps(1)
    bare = Profile(HEAP_TYPES, heaps.locations, [], default_type="inuse_space", comments=("rss: many",))
    found = moment_of(bare, BOOTED_MS)
    assert (found.live, found.rss, found.pss, found.sites) == (0, None, None, {})
    history = history_of([found, found._replace(monotonic_ms=BOOTED_MS + 1, ends=None)], NO_PATHS)
    assert history.sites == []
    assert [point[2:] for point in history.points][1] == (0, None, None, None, None, [0])


def test_moments_come_in_the_order_of_their_clock_and_the_last_of_one_time_counts():
    moments = [moment(at, live) for at, live in ((3, 30), (1, 10), (2, 20), (1, 11))]
    assert [one.live for one in in_order(moments)] == [11, 20, 30]
    found = decoded(report_of(random_heaps(1).last, moments=moments))
    assert [point[2] for point in found.header["history"][1]] == [11, 20, 30]


def test_where_the_clock_was_set_back_the_times_are_the_last_ones():
    times = [START_NS, START_NS + 10**9, START_NS - 3600 * 10**9, START_NS - 3599 * 10**9]
    moments = [moment(at, time_ns=time_ns) for at, time_ns in enumerate(times)]
    last = times[-1] // 10**6
    found = history_of(moments, NO_PATHS).points
    assert [point.wall_ms for point in found] == [last - 3000, last - 2000, last - 1000, last]
    forward = [START_NS, START_NS + 3600 * 10**9]
    moments = [moment(at, time_ns=time_ns) for at, time_ns in enumerate(forward)]
    assert [point.wall_ms for point in history_of(moments, NO_PATHS).points] == [time // 10**6 for time in forward]


def test_the_sites_that_are_told_apart_are_those_that_ever_held_the_most():
    keys = [SiteKey(f"f{at}", "/srv/app/a.py", at) for at in range(12)]
    held = [{key: 100 + at for at, key in enumerate(keys)}, {keys[0]: 1000}]
    history = history_of([moment(at, sum(one.values()), one) for at, one in enumerate(held)], NO_PATHS)
    assert [name for name, _ in history.sites] == ["f0", "f11", "f10", "f9", "f8", "f7", "f6", "f5"]
    assert history.points[0].parts == [100, 111, 110, 109, 108, 107, 106, 105, 101 + 102 + 103 + 104]
    assert history.points[1].parts == [1000, 0, 0, 0, 0, 0, 0, 0, 0]


def test_a_series_is_told_among_the_facts():
    heaps = random_heaps(1)
    assert ("series", "20 snapshots in 190 s") in report_of(heaps.last, moments=heaps.moments()).facts
    assert ("series", "one snapshot") in report_of(heaps.last, moments=heaps.moments()[-1:]).facts
    assert "series" not in dict(report_of(heaps.last).facts)


def test_a_page_without_a_series_holds_nothing_of_one():
    found = decoded(report_of(random_heaps(1).last))
    assert (found.header["history"], found.header["dated"], found.points) == (None, [], [])
    assert len(set(found.entries)) == len(found.entries)


def test_what_draws_a_series_is_in_its_pages_alone():
    heaps = random_heaps(1)
    alone, of_series = (b"".join(written(report_of(heaps.last, moments=of))) for of in ((), heaps.moments()))
    for code in (b"class Timeline", b"#timeline svg"):
        assert (code in alone, code in of_series) == (False, True)


# ---- From a folder


def live_rows(made: Made, number: int) -> list[tuple[str, Block, int]]:
    """Return what was live at a snapshot: each block with its function and the bytes that it represents."""
    now = made.moments[number]
    return [
        (now.frames[stack][0].function, block, values_of(block, count)[1])
        for stack, blocks in now.live.items()
        for block, count in blocks.items()
    ]


@pytest.mark.parametrize("spacing", [1, 2, 4])
@pytest.mark.parametrize("seed", range(3))
def test_the_page_of_a_folder_is_of_the_snapshots_that_are_left(tmp_path: Path, seed: int, spacing: int):
    made = random_series(seed, tmp_path / "series", 12)
    kept = kept_of(12, spacing)
    made.write(kept, spacing)
    assert printed("flamegraph", tmp_path / "series", "-o", tmp_path / "x.html") == ""
    found = read_page(tmp_path / "x.html")
    _, points = found.header["history"]
    first = made.moments[0]
    assert [point[:2] for point in points] == [
        [made.moments[number].time_ns // 10**6, made.moments[number].monotonic_ms - first.monotonic_ms]
        for number in kept
    ]
    for number, point in zip(kept, points):
        rows = live_rows(made, number)
        assert point[2] == pytest.approx(sum(size for _, _, size in rows), abs=len(rows) + 1)
        assert (point[3] <= point[2] <= point[4], point[5]) == (True, number + 1)
        assert sum(point[7]) == pytest.approx(point[2], abs=len(point[7]))
    times = [made.moments[number].monotonic_ms for number in kept]
    wanted: dict[tuple[str, int], int] = {}
    for function, block, size in live_rows(made, kept[-1]):
        seen = next(at for at, time in enumerate(times, 1) if block.allocated_by <= time)
        wanted[function, seen] = wanted.get((function, seen), 0) + size
    shown: dict[tuple[str, int], int] = {}
    column = found.header["columns"].index(["in use", "bytes", "bytes"])
    for (node, _), point, size in zip(found.entries, found.points, found.values[0][column]):
        if size:
            key = found.places[found.paths[node][-1]][0], point
            shown[key] = shown.get(key, 0) + size
    assert shown == wanted


def test_cpu_profiles_beside_a_series_leave_it_a_series(tmp_path: Path):
    made = random_series(1, tmp_path / "series", 5)
    made.write()
    cpu = profile_of_times()
    (tmp_path / "series" / "spprof-app.4711.cpu.pb.gz").write_bytes(b"".join(pprof_of(cpu)))
    printed("flamegraph", tmp_path / "series", "-o", tmp_path / "x.html")
    assert len(read_page(tmp_path / "x.html").header["history"][1]) == 5


def profile_of_times() -> Profile:
    types = (ValueType("samples", "count"), ValueType("cpu", "nanoseconds"))
    return Profile(types, [SITE], [Sample((0,), (1, 10**7))], default_type="cpu")


def test_several_series_are_one_sum_without_a_history(tmp_path: Path):
    for stem in ("spprof-app.1", "spprof-app.2"):
        random_series(1, tmp_path / "series", 3, stem, mark=f"{stem[-1]:>016}").write()
    printed("flamegraph", tmp_path / "series", "-o", tmp_path / "x.html")
    assert read_page(tmp_path / "x.html").header["history"] is None


def test_hostile_names_of_sites_stay_within_the_data():
    key = SiteKey("</script><script>alert(1)</script>", "\u202e<!--", 1)
    moments = [moment(at, 9, {key: 9}) for at in range(2)]
    page = b"".join(written(report_of(random_heaps(1).last, moments=moments))).decode()
    assert "alert(1)" not in page
    assert history_of(moments, NO_PATHS).sites == [(key.function, "\\u202e<!--:1")]


def test_a_page_of_sixty_snapshots_of_twenty_thousand_stacks_is_less_than_five_megabytes():
    chance = random.Random(7)
    frames = [python_frame(f"function_{at}", at, f"/srv/app/module_{at % 300}.py") for at in range(5000)]
    samples = []
    for _ in range(20_000):
        stack = tuple(chance.randrange(5000) for _ in range(8))
        for born in chance.sample(range(60), 3):
            labels = (
                Label("bytes", None, chance.choice([64, 512, 4096]), "bytes"),
                Label("thread", f"worker {chance.randrange(8)}"),
                Label("allocated_by", None, born * 1000, "milliseconds"),
            )
            samples.append(Sample(stack, (1, 524_300, 1, 524_300), labels))
    profile = Profile(
        HEAP_TYPES, [Location((frame,), -1, 0) for frame in frames], samples, default_type="inuse_space", period=524_288
    )
    keys = [SiteKey(frame.function, frame.file, frame.line) for frame in frames]
    moments = [moment(at, 10**10, {key: chance.randrange(10**6) for key in keys}) for at in range(60)]
    report = report_of(profile, with_source=False, moments=moments)
    assert len(report.entry_nodes) == 60_000
    assert len(b"".join(written(report))) < 5_000_000
