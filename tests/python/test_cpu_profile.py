"""CPU profiles built from given samples: sums, threads, unsampled time, tables and files."""

from __future__ import annotations

import json
from operator import add
from pathlib import Path
from typing import Any

import pytest
import spprof
from naive_cpu import BLOCKED_ID, MAIN_ID, START_NS, NaiveCpu, random_cpu
from naive_heap import native_frame, python_frame
from spprof import formats
from spprof.analysis.by_site import Tally
from spprof.analysis.sites import SiteKey
from spprof.cli.own_frames import cpu_without_own_frames
from spprof.cpu_time import profile as cpu_profile
from spprof.cpu_time import samples as cpu_samples
from spprof.pprof.file import read_profile
from spprof.pprof.profile import Label, Profile
from spprof.symbolize.own_code import BOOTSTRAP, OWN

MAIN = python_frame("main", 90, "/srv/app/main.py")
LOAD = python_frame("load", 12, "/srv/app/data/load.py")
LOAD_BELOW = python_frame("load", 15, "/srv/app/data/load.py")
PARSE = python_frame("parse", 40, "parse.py")
STACKS = {
    1: (LOAD, MAIN),
    2: (PARSE, LOAD, MAIN),
    3: (LOAD, MAIN),  # looks the same as 1
    4: (native_frame("<native>", 0),),
    5: (native_frame("inflate", 0x7F0012345678), PARSE, MAIN),
    6: (LOAD_BELOW, LOAD, MAIN),  # calls itself
    7: (native_frame("inflate", 0x7F0012345699), PARSE, MAIN),  # another address in inflate, which looks the same as 5
}
WORKER_ID = MAIN_ID + 1
MS = 1_000_000


@pytest.fixture(params=range(3))
def cpu(request: pytest.FixtureRequest) -> NaiveCpu:
    return random_cpu(request.param, STACKS)


def one_of_each() -> NaiveCpu:
    """10 ms in load, 20 in parse, 5 in inflate called by parse, 3 in the worker without a Python frame."""
    cpu = NaiveCpu(STACKS, {WORKER_ID: "worker", MAIN_ID: "MainThread"})
    for weight, thread_id, stack_id in (
        (4 * MS, MAIN_ID, 1),
        (20 * MS, MAIN_ID, 2),
        (6 * MS, WORKER_ID, 3),
        (3 * MS, WORKER_ID, 4),
        (5 * MS, MAIN_ID, 5),
    ):
        cpu.add(weight, thread_id, stack_id)
    return cpu


# ---- samples


def test_samples_stand_in_the_order_of_time_with_thread_weight_and_stack(cpu: NaiveCpu):
    for tick in cpu.ticks:
        tick.time_ns = 1_000_000 - tick.time_ns
    samples = cpu.profile().samples
    expected = sorted(cpu.ticks, key=lambda tick: tick.time_ns)
    assert [(s.timestamp_ns, s.thread_id, s.thread_name, s.weight_ns, s.frames) for s in samples] == [
        (START_NS + t.time_ns, t.thread_id, cpu.names[t.thread_id], t.weight_ns, STACKS[t.stack_id]) for t in expected
    ]
    assert cpu.learned == {*STACKS}


def test_samples_beyond_the_log_are_sums_without_a_moment():
    cpu = one_of_each()
    cpu.overflow = [(2, 30, 300 * MS)]
    profile = cpu.profile()
    last = profile.samples[-1]
    assert (last.timestamp_ns, last.thread_id, last.thread_name) == (START_NS + 2_000_000_000, 0, "")
    assert (last.weight_ns, last.frames) == (300 * MS, STACKS[2])
    assert (profile.sample_count, profile.total_ns) == (35, 338 * MS)


@pytest.mark.parametrize("unseen", [0, 500 * MS])
def test_weights_of_all_samples_are_the_total(cpu: NaiveCpu, unseen: int):
    cpu.unseen_ns = unseen
    profile = cpu.profile()
    assert sum(sample.weight_ns for sample in profile.samples) == profile.total_ns == cpu.sampled_ns + unseen


def test_threads_have_their_sums_the_main_thread_first(cpu: NaiveCpu):
    cpu.unsampled = {WORKER_ID: 17}
    cpu.names = {WORKER_ID + 1: "python3", WORKER_ID: "worker", MAIN_ID: "MainThread"}
    threads = cpu.profile().threads
    assert [thread.thread_id for thread in threads] == [MAIN_ID, WORKER_ID, WORKER_ID + 1]
    for thread in threads:
        own = [tick.weight_ns for tick in cpu.ticks if tick.thread_id == thread.thread_id]
        assert (thread.samples, thread.weight_ns) == (len(own), sum(own))
    assert [thread.unsampled_ns for thread in threads] == [0, 17, 0]


# ---- unsampled time


def test_time_of_threads_that_ended_is_one_stack_and_makes_the_total_that_of_the_process():
    cpu = one_of_each()
    cpu.unsampled = {MAIN_ID: 2 * MS}  # the next sample will include it
    cpu.unseen_ns = 7 * MS
    profile = cpu.profile()
    assert profile.samples[-1].frames == cpu_samples.SHORT
    assert profile.samples[-1].weight_ns == 7 * MS
    assert profile.total_ns == profile.process_ns - 2 * MS


def test_clocks_that_were_read_one_after_the_other_make_no_stack():
    cpu = one_of_each()
    cpu.unseen_ns = MS
    assert cpu.profile().total_ns == 38 * MS
    cpu.unseen_ns = -MS
    assert cpu.profile().total_ns == 38 * MS


def test_a_thread_that_blocks_signals_is_named_with_its_time():
    cpu = one_of_each()
    cpu.names[BLOCKED_ID] = "io\n"
    cpu.unsampled, cpu.blocked = {BLOCKED_ID: 50 * MS, MAIN_ID: 2 * MS}, {BLOCKED_ID}
    profile = cpu.profile()
    last = profile.samples[-1]
    assert (last.frames, last.thread_id, last.thread_name) == (cpu_samples.BLOCKED, BLOCKED_ID, "io\n")
    assert (last.weight_ns, profile.total_ns) == (50 * MS, 88 * MS)
    assert f"thread io\\n ({BLOCKED_ID}) blocks all signals and could not be sampled; it used 50.0 ms" in str(profile)


def test_wall_time_covers_everything_by_itself():
    cpu = one_of_each()
    cpu.unseen_ns, cpu.unsampled, cpu.blocked = 900 * MS, {WORKER_ID: 30 * MS}, {WORKER_ID}
    profile = cpu.profile("wall")
    assert (profile.total_ns, len(profile.samples)) == (38 * MS, 5)


# ---- sums


def test_aggregate_is_by_what_a_stack_reads_like_the_heaviest_first(cpu: NaiveCpu):
    expected: dict[tuple[str, ...], list[int]] = {}
    for tick in cpu.ticks:
        row = expected.setdefault(tuple(f"{f.function}:{f.line}" for f in STACKS[tick.stack_id]), [0, 0])
        row[0] += tick.weight_ns
        row[1] += 1
    found = cpu.profile().aggregate()
    assert {tuple(f"{f.function}:{f.line}" for f in s.frames): [s.weight_ns, s.samples] for s in found} == expected
    weights = [stack.weight_ns for stack in found]
    assert weights == sorted(weights, reverse=True)


def test_top_functions_have_own_and_total_and_their_busiest_line():
    cpu = one_of_each()
    cpu.add(2 * MS, MAIN_ID, 6)
    rows = cpu.profile().top_functions()
    whole = 40 * MS
    assert [(row["function"], row["line"], row["own_ns"], row["total_ns"]) for row in rows] == [
        ("parse", 40, 25 * MS, 25 * MS),
        ("load", 12, 12 * MS, 32 * MS),
        ("<native>", 0, 3 * MS, 3 * MS),
        ("main", 90, 0, 37 * MS),
        ("inflate", 0, 0, 5 * MS),
    ]
    assert [row["own_percent"] for row in rows] == [100 * row["own_ns"] / whole for row in rows]
    assert [row["total_percent"] for row in rows] == [100 * row["total_ns"] / whole for row in rows]
    assert cpu.profile().top_functions(2) == rows[:2]


@pytest.mark.parametrize(("count", "error"), [(-1, ValueError), (1.5, TypeError)])
def test_a_count_of_rows_is_checked(count: Any, error: type[Exception]):
    with pytest.raises(error):
        one_of_each().profile().top_functions(count)


def test_a_profile_without_samples_is_empty():
    profile = NaiveCpu(STACKS, {MAIN_ID: "MainThread"}).profile()
    assert (profile.samples, profile.aggregate(), profile.top_functions(), profile.total_ns) == ((), (), [], 0)
    assert str(profile) == "CPU: 0 s in 2.00 s of wall time; 0 samples of 0 threads, 1 per 10 ms"


# ---- print


def test_the_table_shows_own_and_total_of_each_line():
    cpu = one_of_each()
    assert str(cpu.profile()).splitlines() == [
        "CPU: 38.0 ms in 2.00 s of wall time; 5 samples of 2 threads, 1 per 10 ms",
        "        own                 total           site",
        "    25.0 ms   65.8 %      25.0 ms   65.8 %  parse (parse.py:40)",
        "    10.0 ms   26.3 %      30.0 ms   78.9 %  load (load.py:12)",
        "     3.0 ms    7.9 %       3.0 ms    7.9 %  <native>",
    ]
    assert repr(cpu.profile()) == "<Profile: 38000000 ns of cpu time, 5 samples, 1 per 10 ms>"


def test_the_table_ends_after_ten_lines():
    cpu = NaiveCpu({line: (python_frame("f", line),) for line in range(1, 13)}, {MAIN_ID: "MainThread"})
    for line in cpu.stacks:
        cpu.add(line * MS, MAIN_ID, line)
    lines = str(cpu.profile()).splitlines()
    assert len(lines) == 2 + 10 + 1
    assert lines[-1] == "     3.0 ms  in 2 more sites"


def test_the_table_says_what_must_be_known():
    cpu = one_of_each()
    cpu.unseen_ns = 5 * MS
    profile = cpu.profile(short_threads=3, ticks="thread", dropped={"torn": 2, "no_memory": 0}, interval_ms=1)
    lines = str(profile).splitlines()
    assert lines[0].endswith("1 per 7.6 ms instead of the 1 ms requested")
    assert lines[-3:] == [
        "3 threads were too short to sample",
        "the system did not permit timers, so a thread took the samples at wall-clock intervals",
        "2 samples not taken: torn 2; the next samples include their time",
    ]


def test_threads_without_a_sample_are_a_word_only_where_their_time_is_missing():
    cpu = one_of_each()
    cpu.unseen_ns = 0
    assert "too short" not in str(cpu.profile(short_threads=3))
    assert "3 threads were too short to sample" in str(cpu.profile(mode="wall", short_threads=3))
    cpu.unseen_ns = 2 * MS
    assert "3 threads were too short to sample" in str(cpu.profile(short_threads=3))


# ---- pprof


def read_back(profile: spprof.Profile, folder: Path) -> Profile:
    profile.save(folder / "cpu.pb.gz")
    return read_profile(str(folder / "cpu.pb.gz"))


def test_a_file_has_every_stack_of_every_thread_exactly(cpu: NaiveCpu, tmp_path: Path):
    expected: dict[tuple[tuple[str, ...], int], list[int]] = {}
    for tick in cpu.ticks:
        key = tuple(f"{f.function}:{f.line}" for f in STACKS[tick.stack_id]), tick.thread_id
        row = expected.setdefault(key, [0, 0])
        row[0] += 1
        row[1] += tick.weight_ns
    profile = read_back(cpu.profile(), tmp_path)
    found: dict[tuple[tuple[str, ...], int], list[int]] = {}
    for sample in profile.samples:
        name, thread_id = sample.labels
        assert name == Label("thread", cpu.names[thread_id.number])
        key = tuple(f"{f.function}:{f.line}" for f in profile.frames(sample.stack)), thread_id.number
        row = found.setdefault(key, [0, 0])
        row[:] = map(add, row, sample.values)
    assert found == expected
    assert len({(sample.stack, sample.labels) for sample in profile.samples}) == len(profile.samples)


def test_a_file_tells_mode_interval_time_and_versions(tmp_path: Path):
    profile = read_back(one_of_each().profile(dropped={"torn": 2}, short_threads=1), tmp_path)
    assert profile.sample_types == (("samples", "count"), ("cpu", "nanoseconds"))
    assert (profile.default_type, profile.period_type, profile.period) == ("cpu", ("cpu", "nanoseconds"), 10 * MS)
    assert (profile.time_ns, profile.duration_ns) == (START_NS, 2_000 * MS)
    notes = {
        key: profile.note(key) for key in ("python", "platform", "overhead_ns", "dropped_samples", "short_threads")
    }
    assert notes == {
        "python": "3.11.7",
        "platform": "Linux-6.1-x86_64",
        "overhead_ns": "1234",
        "dropped_samples": "2",
        "short_threads": "1",
    }
    wall = read_back(one_of_each().profile("wall"), tmp_path)
    assert (wall.sample_types[1], wall.period_type) == (("wall", "nanoseconds"), ("wall", "nanoseconds"))


def test_what_no_sample_covers_stands_in_the_file_without_samples(tmp_path: Path):
    cpu = one_of_each()
    cpu.unseen_ns = 7 * MS
    profile = read_back(cpu.profile(), tmp_path)
    (rest,) = [s for s in profile.samples if profile.frames(s.stack) == cpu_samples.SHORT]
    assert (rest.values, rest.labels) == ((0, 7 * MS), ())


def test_sites_of_a_file_have_time_and_samples(cpu: NaiveCpu, tmp_path: Path):
    profile = read_back(cpu.profile(), tmp_path)
    own = Tally(profile, profile.default_index).own
    parse = [tick.weight_ns for tick in cpu.ticks if tick.stack_id in (2, 5, 7)]
    amount = own[SiteKey("parse", "parse.py", 40)]
    assert (amount.value, amount.samples, amount.interval()) == (sum(parse), len(parse), None)
    assert sum(amount.value for amount in own.values()) == cpu.sampled_ns


# ---- speedscope and collapsed


def speedscope(profile: Any, folder: Path) -> dict[str, Any]:
    profile.save(folder / "cpu.json")
    return json.loads((folder / "cpu.json").read_bytes())


def test_speedscope_has_a_chart_for_each_thread_in_the_order_of_time(tmp_path: Path):
    cpu = one_of_each()
    cpu.add(1 * MS, MAIN_ID, 5)
    cpu.unseen_ns = 7 * MS
    document = speedscope(cpu.profile(), tmp_path)
    names = [frame["name"] for frame in document["shared"]["frames"]]
    charts = {
        chart["name"]: [([names[index] for index in sample], weight) for sample, weight in zip(*_columns(chart))]
        for chart in document["profiles"]
    }
    assert charts == {
        f"MainThread ({MAIN_ID})": [
            (["main", "load"], 4 * MS),
            (["main", "load", "parse"], 20 * MS),
            (["main", "parse", "inflate"], 6 * MS),  # one after the other
        ],
        f"worker ({WORKER_ID})": [(["main", "load"], 6 * MS), (["<native>"], 3 * MS)],
        "no single thread": [(["<threads too short to sample>"], 7 * MS)],
    }
    assert [chart["name"] for chart in document["profiles"]] == [*charts]
    assert (document["name"], document["profiles"][0]["unit"]) == ("spprof cpu profile", "nanoseconds")
    assert document["profiles"][0]["endValue"] == 30 * MS


def _columns(chart: dict[str, Any]) -> tuple[list[list[int]], list[int]]:
    assert len(chart["samples"]) == len(chart["weights"])
    return chart["samples"], chart["weights"]


def test_a_file_of_very_many_samples_has_every_stack_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(cpu_profile, "_ORDERED_MAX", 5)
    cpu = one_of_each()
    for _ in range(3):
        cpu.add(1 * MS, MAIN_ID, 1)
        cpu.add(1 * MS, MAIN_ID, 2)
    document = speedscope(cpu.profile(), tmp_path)
    assert sorted(document["profiles"][0]["weights"]) == [5 * MS, 7 * MS, 23 * MS]


def test_converting_a_file_gives_the_same_charts(cpu: NaiveCpu, tmp_path: Path):
    profile = cpu.profile()
    direct = speedscope(profile, tmp_path)
    formats.save(read_back(profile, tmp_path), tmp_path / "converted.json")
    converted = json.loads((tmp_path / "converted.json").read_bytes())
    ends = [{chart["name"]: chart["endValue"] for chart in document["profiles"]} for document in (direct, converted)]
    assert ends[0] == ends[1]
    assert len(ends[0]) == 3


def test_collapsed_weighs_in_nanoseconds(tmp_path: Path):
    one_of_each().profile().save(tmp_path / "cpu.collapsed")
    assert (tmp_path / "cpu.collapsed").read_text().splitlines() == [
        "<native> 3000000",
        "main (app/main.py:90);load (data/load.py:12) 10000000",
        "main (app/main.py:90);load (data/load.py:12);parse (parse.py:40) 20000000",
        "main (app/main.py:90);parse (parse.py:40);inflate 5000000",
    ]


def test_the_same_profile_is_written_the_same(cpu: NaiveCpu, tmp_path: Path):
    for suffix in formats.SUFFIXES:
        cpu.profile().save(tmp_path / f"one{suffix}")
        cpu.profile().save(tmp_path / f"two{suffix}")
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


# ---- under spprof run


def test_frames_that_lead_to_the_program_are_cut():
    started = python_frame("_execute", 1, BOOTSTRAP)
    cpu = NaiveCpu({1: (PARSE, MAIN, started), 2: (OWN, LOAD, started), 3: (OWN, started)}, {MAIN_ID: "MainThread"})
    for number in (1, 2, 3):
        cpu.add(number * MS, MAIN_ID, number)
    profile = cpu_without_own_frames(cpu.profile())
    shown = {tuple(frame.function for frame in stack.frames): stack.weight_ns for stack in profile.aggregate()}
    assert shown == {("parse", "main"): MS, ("<spprof>", "load"): 2 * MS, ("<spprof>",): 3 * MS}
    assert profile.total_ns == 6 * MS
