"""Snapshots of given samples, compared with plain sums over the same blocks."""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from naive_heap import (
    WALL_MINUS_MONOTONIC_NS,
    Block,
    NaiveHeap,
    moments,
    native_frame,
    python_frame,
    random_heap,
)
from spprof import _engine, estimate
from spprof.memprof import Frame, SiteDifference
from spprof.symbolize import frames as symbols
from spprof.symbolize import stacks

MAIN = python_frame("main", 90, "/app/main.py")
LOAD = python_frame("load", 12)
LOAD_BELOW = python_frame("load", 13)
PARSE = python_frame("parse", 40)

STACKS = {
    1: (LOAD, MAIN),
    2: (LOAD, PARSE, MAIN),  # the same site as 1, on another path
    3: (LOAD_BELOW, MAIN),
    4: (native_frame("inflate"), native_frame("zlib_read"), PARSE, MAIN),
    5: (native_frame("crunch"), PARSE, MAIN),
    6: (native_frame("worker"), native_frame("start_thread")),
    7: (stacks.NATIVE,),
}
SITE_OF = {
    1: ("load", "/app/module.py", 12),
    2: ("load", "/app/module.py", 12),
    3: ("load", "/app/module.py", 13),
    4: ("parse", "/app/module.py", 40),
    5: ("parse", "/app/module.py", 40),
    6: ("worker", "", 0),
    7: ("<native>", "", 0),
}


def blocks_by_site(heap: NaiveHeap) -> dict[tuple[str, str, int], list[Block]]:
    sites: dict[tuple[str, str, int], list[Block]] = {}
    for block in heap.live():
        sites.setdefault(SITE_OF[block.stack_id], []).append(block)
    return sites


@pytest.fixture(params=[1, 2, 3])
def heap(request: pytest.FixtureRequest) -> NaiveHeap:
    return random_heap(request.param, STACKS)


# ---- Estimates


def test_the_heap_is_the_sum_of_what_its_samples_stand_for(heap: NaiveHeap):
    snapshot = heap.snapshot()
    assert snapshot.estimated_heap_bytes == pytest.approx(sum(block.weight for block in heap.live()), abs=2)
    assert snapshot.estimated_heap_objects == pytest.approx(sum(1 / block.probability for block in heap.live()), abs=1)
    assert snapshot.live_samples == len(heap.live())
    assert snapshot.total_samples == len(heap.blocks)


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_the_heap_interval_is_that_of_all_its_samples(heap: NaiveHeap, confidence: float):
    live = heap.live()
    low, high = estimate.heap_interval(
        sum(block.weight for block in live), *moments(live), sum(block.size for block in live), 4096, confidence
    )
    assert heap.snapshot(4096).heap_bytes_interval(confidence) == pytest.approx((low, high), abs=3)


def test_the_samples_add_up_to_the_estimate(heap: NaiveHeap):
    snapshot = heap.snapshot()
    assert sum(sample.estimated_bytes for sample in snapshot.samples) == pytest.approx(
        snapshot.estimated_heap_bytes, abs=2
    )
    assert sum(sample.estimated_objects for sample in snapshot.samples) == pytest.approx(
        snapshot.estimated_heap_objects, abs=1
    )


def test_an_empty_snapshot_is_no_more_than_what_may_have_been_missed():
    snapshot = NaiveHeap({}).snapshot(rate=524288)
    assert (snapshot.estimated_heap_bytes, snapshot.estimated_heap_objects, snapshot.samples) == (0, 0, ())
    assert snapshot.heap_bytes_interval() == (0, 1934036)  # ceil(ln(40) * 524288)
    assert snapshot.top_allocators() == []
    assert NaiveHeap({}).snapshot(rate=0).heap_bytes_interval() == (0, 0)


def test_every_allocation_sampled_is_exact():
    heap = NaiveHeap(STACKS)
    for size in (0, 1, 17, 4096, 10**9):
        heap.add(size, 0, 1)
    snapshot = heap.snapshot(rate=0)
    assert snapshot.estimated_heap_bytes == 1_000_004_114
    assert snapshot.heap_bytes_interval() == (1_000_004_114, 1_000_004_114)
    assert snapshot.estimated_heap_objects == 5


def test_sums_stay_exact_beyond_what_a_float_holds():
    heap = NaiveHeap(STACKS)
    for size in (2**52, 2**52, 1):
        heap.add(size, 0, 1)
    assert heap.snapshot(rate=0).estimated_heap_bytes == 2**53 + 1


def test_the_peak_is_never_below_the_estimate(heap: NaiveHeap):
    snapshot = heap.snapshot()
    assert snapshot.peak_heap_bytes == snapshot.estimated_heap_bytes
    assert dataclasses.replace(snapshot, _highest_bytes=10**15).peak_heap_bytes == 10**15


# ---- Sites


def test_sites_are_innermost_python_frames_largest_first(heap: NaiveHeap):
    rows = heap.snapshot().top_allocators(100)
    expected = blocks_by_site(heap)
    assert {(row["function"], row["file"], row["line"]) for row in rows} == set(expected)
    assert [row["estimated_bytes"] for row in rows] == sorted((row["estimated_bytes"] for row in rows), reverse=True)
    for row in rows:
        blocks = expected[row["function"], row["file"], row["line"]]
        assert row["sample_count"] == len(blocks)
        assert row["estimated_bytes"] == pytest.approx(sum(block.weight for block in blocks), abs=1)
        assert row["estimated_objects"] == pytest.approx(sum(1 / block.probability for block in blocks), abs=1)
        low, high = estimate.interval(
            sum(block.weight for block in blocks), *moments(blocks), sum(block.size for block in blocks)
        )
        assert (row["low_bytes"], row["high_bytes"]) == pytest.approx((low, high), abs=2)
        assert row["low_bytes"] <= row["estimated_bytes"] <= row["high_bytes"]


def test_a_row_has_just_the_documented_keys(heap: NaiveHeap):
    assert [*heap.snapshot().top_allocators(1)[0]] == [
        "function", "file", "line", "estimated_bytes", "estimated_objects", "sample_count", "low_bytes", "high_bytes",
        "native_function", "resident_bytes",
    ]  # fmt: skip


def test_the_native_function_is_the_one_with_most_bytes_beneath_the_line():
    heap = NaiveHeap(STACKS)
    heap.add(100, 0, 4)
    heap.add(101, 0, 5)
    heap.add(50, 0, 1)
    rows = {row["function"]: row["native_function"] for row in heap.snapshot().top_allocators()}
    assert rows == {"parse": "crunch", "load": None}


def test_a_site_whose_blocks_are_all_freed_is_not_listed():
    heap = NaiveHeap(STACKS)
    heap.add(100, 0, 1).live = False
    heap.add(100, 0, 3)
    assert [row["line"] for row in heap.snapshot().top_allocators()] == [13]


def test_sites_of_equal_size_are_in_order_of_their_names():
    heap = NaiveHeap(STACKS)
    for stack_id in (6, 3, 1, 4):
        heap.add(100, 0, stack_id)
    assert [(row["function"], row["line"]) for row in heap.snapshot().top_allocators()] == [
        ("load", 12), ("load", 13), ("parse", 40), ("worker", 0),
    ]  # fmt: skip


def test_n_cuts_the_list(heap: NaiveHeap):
    snapshot = heap.snapshot()
    assert snapshot.top_allocators(2) == snapshot.top_allocators(100)[:2]
    assert snapshot.top_allocators(0) == []
    with pytest.raises(ValueError, match="-1"):
        snapshot.top_allocators(-1)
    with pytest.raises(TypeError):
        snapshot.top_allocators(2.0)  # type: ignore[arg-type]


# ---- Samples


def test_samples_are_in_order_of_allocation_with_their_stacks(heap: NaiveHeap):
    samples = heap.snapshot().samples
    live = heap.live()
    assert [sample.address for sample in samples] == [16 * block.serial for block in live]
    for sample, block in zip(samples, live):
        assert (sample.size, sample.sampling_rate_bytes, sample.thread_id) == (block.size, block.rate, 77)
        assert sample.timestamp_ns == WALL_MINUS_MONOTONIC_NS + 1000 * block.serial
        assert sample.stack is STACKS[block.stack_id]
        assert sample.estimated_bytes == pytest.approx(block.weight)


def test_samples_are_built_once_and_only_when_asked_for(heap: NaiveHeap):
    asked: list[int] = []

    def frames_of(stack_id: int) -> tuple[Frame, ...]:
        asked.append(stack_id)
        return STACKS[stack_id]

    snapshot = dataclasses.replace(heap.snapshot(), _frames_of=frames_of)
    assert (snapshot.estimated_heap_bytes, snapshot.live_samples) != (0, 0)
    assert asked == []
    assert snapshot.samples is snapshot.samples
    assert len(asked) == len(heap.live())


def test_results_cannot_be_changed(heap: NaiveHeap):
    snapshot = heap.snapshot()
    for result, name in (
        (snapshot, "live_samples"),
        (snapshot.samples[0], "size"),
        (snapshot.samples[0].stack[0], "line"),
        (snapshot.frame_pointer_health, "confidence"),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(result, name, 0)


# ---- Differences


def test_a_difference_is_what_came_less_what_went(heap: NaiveHeap):
    earlier = heap.snapshot()
    old = {key: [*blocks] for key, blocks in blocks_by_site(heap).items()}
    for block in heap.blocks[::5]:
        block.live = False
    for number in range(200):
        heap.add(10 + 13 * number, (0, 512, 4096)[number % 3], 1 + number % 7)
    new = blocks_by_site(heap)
    differences = heap.snapshot().compare(earlier)
    assert {(one.function, one.file, one.line) for one in differences} == set(old) | set(new)
    assert [abs(one.delta_bytes) for one in differences] == sorted(
        (abs(one.delta_bytes) for one in differences), reverse=True
    )
    for one in differences:
        key = (one.function, one.file, one.line)
        before, after = old.get(key, []), new.get(key, [])
        came = [block for block in after if block not in before]
        went = [block for block in before if not block.live]
        delta = sum(block.weight for block in came) - sum(block.weight for block in went)
        assert one.delta_bytes == one.new_bytes - one.old_bytes == pytest.approx(delta, abs=2)
        assert one.new_bytes == pytest.approx(sum(block.weight for block in after), abs=1)
        ends = estimate.difference_interval(delta, moments(came), moments(went))
        assert (one.low_bytes, one.high_bytes) == pytest.approx(ends, abs=3)
        assert one.significant == (one.low_bytes > 0 or one.high_bytes < 0)


def test_what_lives_through_both_snapshots_adds_no_uncertainty():
    heap = NaiveHeap(STACKS)
    for _ in range(1000):
        heap.add(64, 4096, 1)
    earlier = heap.snapshot()
    heap.add(123, 0, 2)
    heap.add(500, 0, 3)
    assert heap.snapshot().compare(earlier) == [
        SiteDifference("load", "/app/module.py", 13, 500, 500, 500, 1, True, 0, 500),
        SiteDifference(
            "load", "/app/module.py", 12, 123, 123, 123, 1, True,
            earlier.estimated_heap_bytes, earlier.estimated_heap_bytes + 123,
        ),
    ]  # fmt: skip


def test_the_same_size_at_the_same_site_is_still_a_change_of_blocks():
    heap = NaiveHeap(STACKS)
    first = heap.add(64, 4096, 1)
    earlier = heap.snapshot()
    first.live = False
    heap.add(64, 4096, 1)
    (one,) = heap.snapshot().compare(earlier)
    assert (one.delta_bytes, one.delta_objects, one.significant) == (0, 0, False)
    assert one.low_bytes == -one.high_bytes < -4096


def test_a_snapshot_does_not_differ_from_itself(heap: NaiveHeap):
    snapshot = heap.snapshot()
    assert snapshot.compare(snapshot) == []


def test_only_estimates_can_be_compared(heap: NaiveHeap):
    for estimates in (heap.snapshot(), heap.snapshot().peak):
        with pytest.raises(TypeError, match="not dict"):
            estimates.compare({})  # type: ignore[arg-type]


def test_a_difference_from_the_peak_is_that_of_independent_estimates(heap: NaiveHeap):
    for block in heap.blocks[::3]:
        block.live = False
    snapshot = heap.snapshot()
    old = {(row["function"], row["file"], row["line"]): row for row in snapshot.peak.top_allocators(100)}
    new = {(row["function"], row["file"], row["line"]): row for row in snapshot.top_allocators(100)}
    for differences, sign in ((snapshot.compare(snapshot.peak), 1), (snapshot.peak.compare(snapshot), -1)):
        assert {(one.function, one.file, one.line) for one in differences} == {*old, *new}
        assert [abs(one.delta_bytes) for one in differences] == sorted(
            (abs(one.delta_bytes) for one in differences), reverse=True
        )
        for one in differences:
            key = one.function, one.file, one.line
            assert one.delta_bytes == sign * (new[key]["estimated_bytes"] - old[key]["estimated_bytes"])
            assert one.delta_objects == sign * (new[key]["estimated_objects"] - old[key]["estimated_objects"])
            assert one.low_bytes <= one.delta_bytes <= one.high_bytes
            assert one.significant == (one.low_bytes > 0 or one.high_bytes < 0)
    assert snapshot.peak.compare(heap.snapshot().peak) == []


@pytest.mark.parametrize("suffix", [".pb.gz", ".json", ".txt", ".html"])
def test_a_peak_is_saved_in_every_format(heap: NaiveHeap, suffix: str, tmp_path: Path):
    path = tmp_path / f"peak{suffix}"
    heap.snapshot().peak.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    if suffix == ".txt":
        weights = [int(line.rpartition(" ")[2]) for line in path.read_text().splitlines()]
        assert sum(weights) == heap.snapshot().peak.estimated_heap_bytes
    with pytest.raises(ValueError, match="does not name a known format"):
        heap.snapshot().peak.save(tmp_path / "peak.nothing")


# ---- Text


def test_the_table_shows_total_intervals_and_sites():
    heap = NaiveHeap({number: (python_frame(f"site_{number}", number),) for number in range(1, 13)})
    for number in range(1, 13):
        heap.add(number << 20, 0, number)
    lines = str(heap.snapshot(rate=0)).splitlines()
    assert lines[0] == (
        "heap: 78.0 MiB (78.0 MiB - 78.0 MiB, 95 %) in 12 objects, peak 78.0 MiB; 12 live samples, every allocation"
    )
    assert lines[1].split() == ["estimate", "95", "%", "interval", "objects", "samples", "site"]
    assert lines[2].split() == [
        "12.0",
        "MiB",
        "12.0",
        "MiB",
        "-",
        "12.0",
        "MiB",
        "1",
        "1",
        "site_12",
        "(module.py:12)",
    ]
    assert lines[-1].split() == ["3.0", "MiB", "in", "2", "more", "sites"]
    assert len(lines) == 13


def test_the_table_of_an_empty_snapshot_is_its_total():
    assert str(NaiveHeap({}).snapshot(rate=524288)).splitlines()[0] == (
        "heap: 0 B (0 B - 1.8 MiB, 95 %) in 0 objects, peak 0 B; 0 live samples, 1 per 512 KiB"
    )


def test_a_native_site_without_a_line_has_none_in_the_table():
    heap = NaiveHeap({1: (native_frame("xor_block", file="/usr/lib/libcrypt.so"),)})
    heap.add(1, 0, 1)
    assert str(heap.snapshot(rate=0)).splitlines()[-2].endswith("  xor_block (/usr/lib/libcrypt.so)")


def test_a_name_cannot_break_the_table():
    heap = NaiveHeap({1: (python_frame("evil\nname\x1b[2J"),)})
    heap.add(1, 0, 1)
    assert str(heap.snapshot(rate=0)).splitlines()[-1].endswith(r"evil\nname\x1b[2J (module.py:1)")


def test_the_representation_is_one_line_with_the_interval(heap: NaiveHeap):
    snapshot = heap.snapshot(4096)
    low, high = snapshot.heap_bytes_interval()
    assert repr(snapshot) == (
        f"<HeapSnapshot: {snapshot.estimated_heap_bytes} bytes estimated (95 %: {low} to {high}), "
        f"{snapshot.live_samples} live samples, 1 per 4 KiB>"
    )


# ---- Stacks

INTERPRETED = 1 << 63


def python_word(code: int, line: int = 1) -> int:
    return INTERPRETED | code << 32 | line


@pytest.fixture
def engine_stacks(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, tuple[list[int], bool]]], list[int]]:
    """Simulate an engine with other stacks, of Python frames: code 7 at line 3 is f7 in f7.py:3. This process does not
    yet know any of them. Return a list of the words that are requested.
    """

    def install(known: dict[int, tuple[list[int], bool]]) -> list[int]:
        asked: list[int] = []

        def code(word: int) -> tuple[str, str, int]:
            asked.append(word)
            number = word - INTERPRETED >> 32
            return f"f{number}", f"f{number}.py", word & 0xFFFF

        def stack(stack_id: int) -> tuple[tuple[int, ...], bool, bool]:
            words, cut = known[stack_id]
            return tuple(words), cut, False

        monkeypatch.setattr(_engine, "stack", stack)
        monkeypatch.setattr(_engine, "code", code)
        monkeypatch.setattr(stacks, "_stacks", {})
        monkeypatch.setattr(symbols, "_symbols", {})
        monkeypatch.setattr(symbols, "_python_frames", {})
        return asked

    return install


def test_a_stack_is_built_once_and_shares_its_frames(engine_stacks: Callable[..., list[int]]):
    asked = engine_stacks({1: ([python_word(2, 5), python_word(1, 9)], False), 2: ([python_word(1, 9)], False)})
    first = stacks.stack_frames(1)
    assert first == (Frame("f2", "f2.py", 5, 0, True), Frame("f1", "f1.py", 9, 0, True))
    assert stacks.stack_frames(1) is first
    assert stacks.stack_frames(2)[0] is first[1]
    assert sorted(asked) == [python_word(1, 9), python_word(2, 5)]


def test_positions_on_one_line_are_one_frame(engine_stacks: Callable[..., list[int]]):
    elsewhere = 1 << 16  # a bit of the position, which `code` above does not turn into a line
    engine_stacks({1: ([python_word(1, 9), python_word(1, 9 + elsewhere)], False)})
    first, second = stacks.stack_frames(1)
    assert first is second


def test_a_stack_that_was_cut_ends_in_a_frame_that_says_so(engine_stacks: Callable[..., list[int]]):
    engine_stacks({1: ([python_word(1)], True)})
    assert stacks.stack_frames(1) == (Frame("f1", "f1.py", 1, 0, True), Frame("<cut>", "", 0, 0, False))


def test_a_stack_without_frames_is_native(engine_stacks: Callable[..., list[int]]):
    engine_stacks({1: ([], False)})
    assert stacks.stack_frames(1) == (Frame("<native>", "", 0, 0, False),)


def test_threads_that_meet_a_stack_at_once_get_the_same_frames(engine_stacks: Callable[..., list[int]]):
    engine_stacks({number: ([python_word(number), python_word(1000)], False) for number in range(200)})
    found: list[list[tuple[Frame, ...]]] = []
    barrier = threading.Barrier(8)

    def look() -> None:
        barrier.wait()
        found.append([stacks.stack_frames(number) for number in range(200)])

    threads = [threading.Thread(target=look) for _ in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(found) == 8
    assert all(one is other for answers in found for one, other in zip(answers, found[0]))
    assert len({id(stack[1]) for stack in found[0]}) == 1


def test_the_stacks_of_a_snapshot_are_looked_up_together(heap: NaiveHeap):
    live = {block.stack_id for block in heap.live()}
    for ask in (
        lambda snapshot: snapshot.top_allocators(),
        lambda snapshot: snapshot.samples,
        lambda snapshot: snapshot.site_key(min(live)),
    ):
        heap.learned.clear()
        ask(heap.snapshot())
        assert set(heap.learned) == live
    heap.learned.clear()
    heap.snapshot().to_pprof()
    assert set(heap.learned) == {block.stack_id for block in heap.blocks}


def test_a_snapshot_with_little_in_it_says_why():
    def said(heap: NaiveHeap, rate: int) -> list[str]:
        lines = str(heap.snapshot(rate=rate)).splitlines()
        return [line for line in lines if not line.startswith(("heap:", " "))]

    rate = 512 << 10
    empty = NaiveHeap({1: (python_frame("load"),), 2: (native_frame("work"),)})
    assert said(empty, rate=rate) == [
        "nothing was sampled: the program allocated little, and less than 1.8 MiB is live (97.5 % confidence); "
        "sampling_rate_kb=64 takes 8 times as many samples"
    ]
    assert said(empty, rate=0) == [
        "nothing was sampled: the program allocated little, and less than 0 B is live (97.5 % confidence)"
    ]
    empty.add(1 << 20, rate, 1).live = False
    assert said(empty, rate=rate) == [
        "every sampled block has been freed: less than 1.8 MiB is live (97.5 % confidence); snapshot.peak shows "
        "what was live at the peak, snapshot.save() everything ever allocated; sampling_rate_kb=64 takes 8 times as "
        "many samples"
    ]
    native = NaiveHeap({2: (native_frame("work"),)})
    few = "few samples mean wide intervals; sampling_rate_kb=64 takes 8 times as many samples"
    native.add(1 << 20, rate, 2)
    alone = "no stack has a Python frame: native code allocated this, in its own threads or before Python ran"
    assert said(native, rate=rate) == [few, alone]
    many = NaiveHeap({1: (python_frame("load"),)})
    for _ in range(99):
        many.add(1 << 20, rate, 1)
    assert said(many, rate=rate) == [few]
    assert said(many, rate=4 << 10) == [few.replace("=64 takes 8 times as many samples", "=0 samples every allocation")]
    many.add(1 << 20, rate, 1)
    assert said(many, rate=rate) == []
