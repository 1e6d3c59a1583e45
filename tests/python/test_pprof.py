"""pprof files: the contents of ours, a round trip through the reader, and what is read from other tools' files."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from naive_heap import NaiveHeap, native_frame, python_frame, random_heap
from spprof.analysis.by_site import Tally
from spprof.analysis.sites import SiteKey
from spprof.heap.to_pprof import profile_of
from spprof.pprof import encode
from spprof.pprof.file import read_bytes, read_profile, written
from spprof.pprof.merge import merged
from spprof.pprof.profile import (
    ALLOC_TYPES,
    HEAP_TYPES,
    PEAK_TYPES,
    Label,
    Location,
    Mapping,
    Moments,
    Profile,
    Sample,
    ValueType,
)
from spprof.pprof.wire import WireError, bytes_field

PROFILES = Path(__file__).parent / "profiles"

MAIN = python_frame("main", 90, "/srv/app/main.py")
LOAD = python_frame("load", 12, "/srv/app/data/load.py")
PARSE = python_frame("parse", 40, "parse.py")
STACKS = {
    1: (LOAD, MAIN),
    2: (PARSE, LOAD, MAIN),
    3: (LOAD, MAIN),  # looks the same as 1
    4: (native_frame("<native>", 0),),
    5: (native_frame("malloc_wrapper", 0x7F0012345678), PARSE, MAIN),
}
IN_USE = HEAP_TYPES.index(("inuse_space", "bytes"))


@pytest.fixture(params=range(5))
def heap(request: pytest.FixtureRequest) -> NaiveHeap:
    return random_heap(request.param, STACKS)


def read_back(heap: NaiveHeap, folder: Path) -> Profile:
    heap.snapshot().save(folder / "heap.pb.gz")
    return read_profile(str(folder / "heap.pb.gz"))


# ---- the round trip


def test_reading_gives_back_what_was_written(heap: NaiveHeap, tmp_path: Path):
    before, after = profile_of(heap.snapshot()), read_back(heap, tmp_path)
    assert after.samples == before.samples
    assert after.locations == before.locations
    assert (after.sample_types, after.comments, after.period) == (before.sample_types, before.comments, before.period)
    assert (after.period_type, after.default_type, after.time_ns) == (
        ("space", "bytes"),
        "inuse_space",
        before.time_ns,
    )


def test_estimates_and_intervals_of_a_file_are_those_of_the_snapshot(heap: NaiveHeap, tmp_path: Path):
    snapshot = heap.snapshot()
    tally = Tally(read_back(heap, tmp_path), IN_USE)
    assert tally.whole.value == snapshot.estimated_heap_bytes
    assert tally.whole.objects == snapshot.estimated_heap_objects
    assert tally.whole.samples == snapshot.live_samples
    for confidence in (0.5, 0.95, 0.999):
        assert tally.whole_interval(confidence) == snapshot.heap_bytes_interval(confidence)
    assert {key: (own.value, own.interval(), own.samples) for key, own in tally.own.items()} == {
        SiteKey(row["function"], row["file"], row["line"]): (
            row["estimated_bytes"],
            (row["low_bytes"], row["high_bytes"]),
            row["sample_count"],
        )
        for row in snapshot.top_allocators(100)
    }


def test_the_peak_of_a_file_is_that_of_the_snapshot(heap: NaiveHeap, tmp_path: Path):
    for block in heap.blocks:
        block.at_peak = block.serial % 3 > 0
    peak, profile = heap.snapshot().peak, read_back(heap, tmp_path)
    assert peak.sample_count == len(heap.at_peak()) > 200
    peak.save(tmp_path / "peak.pb.gz")
    alone = read_profile(str(tmp_path / "peak.pb.gz"))
    assert (profile.sample_types, alone.sample_types) == (HEAP_TYPES + PEAK_TYPES, ALLOC_TYPES + PEAK_TYPES)
    assert (alone.is_heap, alone.default_type, alone.period) == (True, "peak_space", profile.period)
    for tally in (Tally(profile, 5), Tally(alone, 3)):
        assert (tally.whole.value, tally.whole.samples) == (peak.estimated_heap_bytes, peak.sample_count)
        assert tally.whole.objects == peak.estimated_heap_objects
        assert tally.whole_interval() == pytest.approx(peak.heap_bytes_interval(), abs=1)
        rows = {SiteKey(row["function"], row["file"], row["line"]): row for row in peak.top_allocators(100)}
        assert tally.own.keys() == rows.keys()
        for key, own in tally.own.items():
            row = rows[key]
            assert (own.value, own.samples) == (pytest.approx(row["estimated_bytes"], abs=3), row["sample_count"])
            assert own.interval() == pytest.approx((row["low_bytes"], row["high_bytes"]), abs=4)
            assert own.native_function == row["native_function"]


def test_files_from_before_there_were_peaks_are_read_and_added(heap: NaiveHeap):
    new = profile_of(heap.snapshot())
    old = Profile(HEAP_TYPES, new.locations, [
        Sample(sample.stack, sample.values[:4], sample.labels) for sample in new.samples if any(sample.values[:4])
    ], new.mappings, period=new.period)  # fmt: skip
    both = merged([old, new])
    assert both.sample_types == HEAP_TYPES
    assert Tally(both, IN_USE).whole.fixed == 2 * Tally(new, IN_USE).whole.fixed
    assert Tally(both, IN_USE).whole.samples == 2 * len(heap.live())


@pytest.mark.parametrize(
    "packed", [b"", b"\x01\x01", b"\x01\x01" + 15 * b"\0", b"\x01\x01" + 17 * b"\0", b"\x01\x01" + 16 * b"\xff"]
)
def test_moments_that_cannot_be_are_refused(packed: bytes, monkeypatch: pytest.MonkeyPatch):
    profile = Profile(PEAK_TYPES, [Location((MAIN,), -1, 0)], [Sample((0,), (1, 10), moments=Moments(1, 10, 2.0, 3.0))])
    assert read_bytes(b"".join(written(profile))).samples == profile.samples
    monkeypatch.setattr(encode, "_moments", lambda *_: bytes_field(1001, packed))
    with pytest.raises(WireError, match=r"moments|number"):
        read_bytes(b"".join(written(profile)))


def test_values_add_up_to_the_estimates(heap: NaiveHeap, tmp_path: Path):
    snapshot = heap.snapshot()
    sums = [sum(column) for column in zip(*(sample.values for sample in read_back(heap, tmp_path).samples))]
    every = sum(block.weight for block in heap.blocks)
    assert sums[2:4] == [snapshot.estimated_heap_objects, snapshot.estimated_heap_bytes]
    assert sums[4:] == [snapshot.peak.estimated_heap_objects, snapshot.peak.estimated_heap_bytes]
    assert sums[1] == pytest.approx(every, abs=1 + len(heap.blocks) / 256)
    assert sums[0] == pytest.approx(sum(1 / block.probability for block in heap.blocks), abs=2)


def test_no_value_is_off_by_more_than_its_rounding(heap: NaiveHeap, tmp_path: Path):
    expected: dict[tuple[tuple[str, ...], int, int], float] = {}
    for block in heap.live():
        names = tuple(frame.function for frame in STACKS[block.stack_id])
        key = (names, block.size, block.rate)
        expected[key] = expected.get(key, 0.0) + block.weight
    profile = read_back(heap, tmp_path)
    found = {}
    for sample in profile.samples:
        numbers = {label.key: label.number for label in sample.labels}
        if "bytes" in numbers:
            rate = numbers.get("rate", profile.period)
            names = tuple(frame.function for frame in profile.frames(sample.stack))
            found[names, numbers["bytes"], 0 if rate == 1 else rate] = sample.values[IN_USE]
    assert found.keys() == expected.keys()
    assert all(abs(found[key] - expected[key]) < 1.01 for key in expected)


def test_a_sample_tells_thread_block_size_age_and_a_rate_that_is_not_the_period(tmp_path: Path):
    heap = NaiveHeap({1: (LOAD, MAIN)})
    heap.add(100, 4096, 1)
    heap.add(100, 512, 1)
    heap.add(100, 0, 1)
    labels = {sample.labels for sample in read_back(heap, tmp_path).samples if sample.values[IN_USE]}
    size, thread, age = Label("bytes", None, 100, "bytes"), Label("thread", "77"), Label("age", None, 0, "seconds")
    assert labels == {
        (size, thread, age),
        (size, thread, Label("rate", None, 512, "bytes"), age),
        (size, thread, Label("rate", None, 1, "bytes"), age),
    }


def test_what_was_freed_stands_in_the_allocated_columns_only(tmp_path: Path):
    heap = NaiveHeap({1: (LOAD, MAIN)})
    heap.add(1000, 0, 1)
    freed = heap.add(30, 0, 1)
    freed.live = freed.at_peak = False
    rows = sorted((sample.values, sample.labels) for sample in read_back(heap, tmp_path).samples)
    assert [values for values, _ in rows] == [(1, 30, 0, 0, 0, 0), (1, 1000, 1, 1000, 1, 1000)]
    assert rows[0][1] == ()


def test_a_stack_that_holds_something_else_than_at_the_peak_has_a_sample_for_that(tmp_path: Path):
    heap = NaiveHeap({1: (LOAD, MAIN), 2: (PARSE, MAIN)})
    for stack_id in (1, 2):
        heap.add(1000, 4096, stack_id)
    later, gone = heap.add(30, 4096, 1), heap.add(70, 4096, 1)
    later.at_peak = gone.live = False
    snapshot, profile = heap.snapshot(), read_back(heap, tmp_path)
    moments_of = {sample.values[4:]: sample.moments for sample in profile.samples if any(sample.values[4:])}
    still, both = (5, 4616), (63, 8748)  # p = 0.2166 and 0.0169
    assert moments_of.keys() == {still, both}
    assert (moments_of[still], moments_of[both] and moments_of[both][:2]) == (None, (2, 1070))
    assert Tally(profile, 5).whole_interval() == pytest.approx(snapshot.peak.heap_bytes_interval(), abs=1)


def test_native_frames_lie_in_their_objects():
    program, library = (
        (0x400000, 0x500000, 0, 0, "/usr/bin/python", b"\xab\xcd"),
        (0x7F00, 0x8F00, 0x7F00, 0, "/a.so", b""),
    )
    gone = (0x7F00, 0xFFFF, 0x7F00, 1, "/later.so", b"\x12")
    heap = NaiveHeap({1: (native_frame("f", 0x7F21), native_frame("g", 0x400011), native_frame("jit", 0x99), MAIN)})
    heap.add(1000, 0, 1)
    profile = read_bytes(b"".join(written(profile_of(heap.snapshot(), modules=[library, gone, program]))))
    assert [(mapping.path, mapping.build_id, mapping.offset) for mapping in profile.mappings if mapping] == [
        ("/a.so", "", 0),
        ("/later.so", "12", 0),
        ("/usr/bin/python", "abcd", 0),
    ]
    places = {location.frames[0].function: (location.mapping, location.address) for location in profile.locations}
    assert places == {"f": (1, 0x7F20), "g": (2, 0x400010), "jit": (-1, 0x98), "main": (-1, 0)}
    assert profile.locations[0].frames[0] == native_frame("f", 0x7F21)


def test_an_empty_snapshot_has_the_interval_of_an_empty_sample(tmp_path: Path):
    heap = NaiveHeap({1: (LOAD, MAIN)})
    profile = read_back(heap, tmp_path)
    assert profile.samples == []
    assert Tally(profile, IN_USE).whole_interval() == heap.snapshot().heap_bytes_interval() == (0, 15110)


def test_every_allocation_is_period_one_and_exact(tmp_path: Path):
    heap = NaiveHeap({1: (LOAD, MAIN)})
    heap.add(1000, 0, 1)
    heap.snapshot(rate=0).save(tmp_path / "heap.pb.gz")
    profile = read_profile(str(tmp_path / "heap.pb.gz"))
    assert profile.period == 1
    assert Tally(profile, IN_USE).whole_interval() == (1000, 1000)


def test_the_file_is_deterministic_and_packed(heap: NaiveHeap, tmp_path: Path):
    for name in ("one.pb.gz", "two.pb.gz"):
        heap.snapshot().save(tmp_path / name)
    one = (tmp_path / "one.pb.gz").read_bytes()
    assert one == (tmp_path / "two.pb.gz").read_bytes()
    assert one[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\x03"
    assert read_bytes(gzip.decompress(one)).samples == read_bytes(one).samples


def test_names_with_control_characters_are_written_with_escapes(tmp_path: Path):
    heap = NaiveHeap({1: (python_frame("evil\n\x1b[31m\udc80", 1, "a\0b.py"),)})
    heap.add(1000, 0, 1)
    frame = read_back(heap, tmp_path).locations[0].frames[0]
    assert (frame.function, frame.file) == ("evil\\n\\x1b[31m\\x80", "a\\x00b.py")


def test_everything_that_a_profile_can_hold_survives():
    inlined = Location((native_frame("inner", 0x1235), native_frame("outer", 0x1235)), 0, 0x1234)
    profile = Profile(
        sample_types=(ValueType("cpu", "nanoseconds"), ValueType("delta", "count")),
        locations=[inlined, Location((MAIN,), -1, 0)],
        samples=[
            Sample((0, 1), (10**18, -5), (Label("thread", "a"), Label("bytes", None, -(2**63), "bytes"))),
            Sample((), (1, 0), (Label("none", None, 0, ""),)),
        ],
        mappings=[Mapping(0x1000, 2**64 - 1, 0x20, "/usr/lib/libc.so.6", "abcdef01")],
        period_type=ValueType("cpu", "nanoseconds"),
        period=10_000_000,
        time_ns=1_700_000_000_000_000_000,
        duration_ns=5,
        comments=("one", "two: three"),
    )
    again = read_bytes(b"".join(written(profile)))
    for name in (
        "sample_types",
        "locations",
        "samples",
        "mappings",
        "period_type",
        "period",
        "duration_ns",
        "comments",
    ):
        assert getattr(again, name) == getattr(profile, name), name


# ---- other tools


def test_go_heap_profiles_have_values_and_intervals():
    profile = read_profile(str(PROFILES / "go-heap.pb.gz"))
    assert profile.sample_types == HEAP_TYPES
    tally = Tally(profile, profile.default_index)
    keep = SiteKey("main.keep", "./main.go", 13)
    low, high = tally.own[keep].interval()
    assert low < 3000 * 1024 + 20 * 106_496 < high
    written_down = sum(sample.values[IN_USE] for sample in profile.samples)  # each rounded down
    assert written_down <= tally.whole.value < written_down + len(profile.samples)
    assert tally.whole_interval() is not None


def test_profiles_of_other_kinds_have_values_and_no_intervals():
    profile = read_profile(str(PROFILES / "go-cpu.pb.gz"))
    tally = Tally(profile, profile.default_index)
    assert (tally.value_type.type, tally.whole_interval()) == ("cpu", None)
    assert {own.interval() for own in tally.own.values()} == {None}
    assert tally.whole.value == tally.total[SiteKey("runtime.main", "runtime/proc.go", 290)]


def test_a_file_of_pprof_format_is_read():
    profile = read_profile(str(PROFILES / "pprof-format.pb.gz"))
    tally = Tally(profile, profile.default_index)
    assert {key: own.value for key, own in tally.own.items()} == {
        SiteKey("parse", "app/parse.js", 12): 3_000,
        SiteKey("main", "app/main.js", 40): 700_000,
    }
    assert tally.total[SiteKey("main", "app/main.js", 40)] == 703_000


def test_a_file_of_ddtrace_shows_the_last_type_that_has_values():
    profile = read_profile(str(PROFILES / "ddtrace.pb.gz"))
    assert profile.sample_types[profile.default_index].type == "heap-live-samples"
    space = next(index for index, one in enumerate(profile.sample_types) if one.type == "heap-space")
    tally = Tally(profile, space)
    top = max(tally.own, key=lambda key: tally.own[key].value)
    assert (top.file, tally.whole.value) == ("/srv/app/fx/dd.py", sum(s.values[space] for s in profile.samples))


# ---- merging


def test_merging_adds_estimates_and_their_variances(tmp_path: Path):
    heaps = [random_heap(seed, STACKS) for seed in (1, 2, 3)]
    profiles = [profile_of(heap.snapshot()) for heap in heaps]
    tally = Tally(merged(profiles), IN_USE)
    singles = [Tally(profile, IN_USE) for profile in profiles]
    assert tally.whole.value == pytest.approx(sum(single.whole.value for single in singles), abs=2)
    assert tally.whole.samples == sum(single.whole.samples for single in singles)
    assert tally.whole.variance == pytest.approx(sum(single.whole.variance for single in singles))


def test_merging_files_of_different_periods_keeps_each_rate():
    heaps = [NaiveHeap({1: (LOAD, MAIN)}), NaiveHeap({1: (LOAD, MAIN)})]
    heaps[0].add(100, 4096, 1)
    heaps[1].add(100, 512, 1)
    both = merged([profile_of(heaps[0].snapshot(rate=4096)), profile_of(heaps[1].snapshot(rate=512))])
    tally = Tally(both, IN_USE)
    assert tally.whole.is_drawn
    assert tally.whole.value == pytest.approx(heaps[0].blocks[0].weight + heaps[1].blocks[0].weight, abs=1)


def test_files_that_zstd_has_packed_are_read_where_python_can(heap: NaiveHeap):
    zstd = pytest.importorskip("compression.zstd", reason="Python reads zstd from 3.14 on")
    profile = profile_of(heap.snapshot())
    plain = gzip.decompress(b"".join(written(profile)))
    for packed in (zstd.compress(plain), zstd.compress(plain[:500]) + zstd.compress(plain[500:])):
        assert read_bytes(packed).samples == profile.samples
    for damaged in (packed[:-5], packed[:100] + bytes(50) + packed[150:]):
        with pytest.raises(WireError, match=r"zstd data"):
            read_bytes(damaged)
    with pytest.raises(WireError, match="unpacks to more than 256 MiB"):
        read_bytes(zstd.compress(bytes(300 << 20)))
