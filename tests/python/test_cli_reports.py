"""The output of the report commands for people and for machines, and their one-line message for each bad file."""

from __future__ import annotations

import gzip
import importlib
import io
import json
import os
import pty
import re
import shlex
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from child import TIMEOUT_SECONDS
from naive_cpu import MAIN_ID, NaiveCpu, random_cpu
from naive_heap import NaiveHeap, native_frame, python_frame, random_heap
from spprof.analysis.by_site import Tally
from spprof.cli import run, terminal
from spprof.cli.main import VERBS, parser_of
from spprof.heap.to_pprof import profile_of
from spprof.pprof.file import read_profile, written
from spprof.pprof.processes import Lineage
from spprof.pprof.profile import HEAP_TYPES, PEAK_TYPES, Location, Profile, Sample, ValueType
from spprof.pprof.wire import bytes_field, varint

pytestmark = pytest.mark.long  # independent of the Python version

PROFILES = Path(__file__).parent / "profiles"
MAIN = python_frame("main", 90, "/srv/app/main.py")
LOAD = python_frame("load", 12, "/srv/app/data/load.py")
EVIL = python_frame("evil\x1b[31m\n", 3, "/srv/app/" + "long/" * 40 + "evil.py")
STACKS = {1: (LOAD, MAIN), 2: (EVIL, MAIN), 3: (native_frame("inflate"), LOAD, MAIN)}


def spprof(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "spprof", *map(str, words)],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def printed(*words: str | Path, **environment: str) -> str:
    finished = spprof(*words, **environment)
    assert (finished.returncode, finished.stderr) == (0, "")
    return finished.stdout


def document(*words: str | Path) -> dict[str, Any]:
    return json.loads(printed(*words, "--json"))


@pytest.fixture
def heap() -> NaiveHeap:
    return random_heap(3, STACKS)


@pytest.fixture
def ticks() -> NaiveCpu:
    return random_cpu(11, STACKS)


@pytest.fixture
def file(heap: NaiveHeap, tmp_path: Path) -> Path:
    heap.snapshot().save(tmp_path / "heap.pb.gz")
    return tmp_path / "heap.pb.gz"


# ---- table, tree, stats


def test_table_gives_own_interval_and_total_of_each_site(heap: NaiveHeap, file: Path):
    snapshot, table = heap.snapshot(), document("table", file)
    low, high = snapshot.heap_bytes_interval()
    assert (table["schema"], table["sample_type"], table["unit"]) == ("spprof-table-1", "inuse_space", "bytes")
    assert (table["value"], table["low"], table["high"]) == (snapshot.estimated_heap_bytes, low, high)
    rows = snapshot.top_allocators(10)
    assert [(site["line"], site["own"], site["own_low"], site["own_high"]) for site in table["sites"]] == [
        (row["line"], row["estimated_bytes"], row["low_bytes"], row["high_bytes"]) for row in rows
    ]
    assert {site["line"]: site["native_function"] for site in table["sites"]} == {12: "inflate", 3: None}


def test_table_sorted_by_total_begins_with_the_callers(file: Path):
    table = document("table", file, "--sort", "total")
    first = table["sites"][0]
    assert (first["function"], first["own"], first["total"]) == ("main", 0, table["value"])


def test_a_site_that_calls_itself_counts_once(tmp_path: Path):
    heap = NaiveHeap({1: (LOAD, MAIN, LOAD, MAIN)})
    heap.add(1000, 0, 1)
    heap.snapshot().save(tmp_path / "heap.pb.gz")
    assert {site["total"] for site in document("table", tmp_path / "heap.pb.gz", "--sort", "total")["sites"]} == {1000}


def test_rows_are_limited_and_the_rest_is_told(file: Path):
    assert len(document("table", file, "-n", "1")["sites"]) == 1
    assert "1 more; -n 2 shows all" in printed("table", file, "-n", "1").splitlines()


def test_tree_goes_from_the_root_to_the_leaf_with_all_that_is_held(heap: NaiveHeap, file: Path):
    calls = document("tree", file)["calls"]
    assert (calls[0]["depth"], calls[0]["function"]) == (0, "main")
    assert calls[0]["total"] == heap.snapshot().estimated_heap_bytes
    assert {(call["depth"], call["line"]) for call in calls} == {(0, 90), (1, 12), (1, 3), (2, 0)}


def test_tree_of_a_very_deep_stack_is_printed(tmp_path: Path):
    frames = [Location((python_frame(f"f{number}"),), -1, 0) for number in range(5000)]
    deep = Profile(HEAP_TYPES, frames, [Sample(tuple(range(5000)), (1, 10, 1, 10))])
    (tmp_path / "deep.pb.gz").write_bytes(b"".join(written(deep)))
    lines = printed("tree", tmp_path / "deep.pb.gz", "-n", "6000").splitlines()
    assert len(lines) == 5002
    assert "[4999] f0 (module.py:1)" in lines[-1]


def test_stats_tell_every_type_and_the_notes(heap: NaiveHeap, file: Path):
    stats = document("stats", file)
    assert [one["type"] for one in stats["sample_types"]] == [one.type for one in HEAP_TYPES + PEAK_TYPES]
    assert stats["sample_types"][3]["value"] == heap.snapshot().estimated_heap_bytes
    assert (stats["default_sample_type"], stats["period"], stats["stacks"]) == ("inuse_space", 4096, 3)
    assert "total_samples               400" in printed("stats", file).replace(
        "total_samples       ", "total_samples" + " " * 15
    )


def test_another_sample_type_is_shown_by_name(file: Path):
    assert document("table", file, "--sample-type", "alloc_objects")["unit"] == "count"
    wrong = spprof("table", file, "--sample-type", "nope")
    assert wrong.returncode == 1
    assert wrong.stderr.endswith(
        "no sample type 'nope'; the file has alloc_objects, alloc_space, inuse_objects, inuse_space, peak_objects, "
        "peak_space\n"
    )


@pytest.mark.parametrize("verb", ["table", "tree"])
def test_a_view_is_shown_with_its_interval(heap: NaiveHeap, file: Path, verb: str):
    snapshot = heap.snapshot()
    low, high = snapshot.peak.heap_bytes_interval()
    shown = document(verb, file, "--view", "peak")
    assert (shown["sample_type"], shown["value"]) == ("peak_space", snapshot.peak.estimated_heap_bytes)
    assert (shown["low"], shown["high"]) == pytest.approx((low, high), abs=1)
    assert shown["value"] > snapshot.estimated_heap_bytes
    assert document(verb, file, "--view", "live")["value"] == snapshot.estimated_heap_bytes
    assert document(verb, file, "--view", "allocated")["sample_type"] == "alloc_space"
    assert " live samples" not in printed(verb, file, "--view", "peak")


def test_a_view_that_a_file_lacks_is_named_with_those_it_has(file: Path):
    go = spprof("table", PROFILES / "go-heap.pb.gz", "--view", "peak")
    assert go.returncode == 1
    assert go.stderr.endswith(
        "no view 'peak'; the file has live, allocated (other tools and earlier versions of spprof do not record the "
        "peak)\n"
    )
    cpu = spprof("tree", PROFILES / "go-cpu.pb.gz", "--view", "live")
    assert cpu.returncode == 1
    assert cpu.stderr.endswith("not a heap profile; choose a --sample-type: samples, cpu\n")
    both = spprof("table", file, "--view", "peak", "--sample-type", "peak_space")
    assert both.returncode == 2
    assert "not allowed with" in both.stderr


def test_views_know_the_names_of_other_tools():
    shown = document("table", PROFILES / "ddtrace.pb.gz", "--view", "live")
    assert shown["sample_type"] == "heap-space"
    assert document("tree", PROFILES / "ddtrace.pb.gz", "--view", "allocated")["sample_type"] == "alloc-space"


def test_a_table_of_what_is_left_points_at_the_peak(tmp_path: Path):
    for freed, is_told in ((0, False), (200, True)):
        heap = NaiveHeap({1: (LOAD, MAIN)})
        for number in range(1000):
            heap.add(4096, 0, 1).live = number >= freed
        for block in heap.blocks:
            block.at_peak = True
        heap.snapshot(rate=0).save(tmp_path / "left.pb.gz")
        text = printed("table", tmp_path / "left.pb.gz")
        assert ("3.9 MiB was live at the peak; --view peak shows its lines" in text) is is_told
        assert "at the peak" not in printed("table", "--view", "peak", tmp_path / "left.pb.gz")


def test_an_empty_table_leads_to_the_peak(heap: NaiveHeap, tmp_path: Path):
    for block in heap.blocks:
        block.live = False
    heap.snapshot().save(tmp_path / "freed.pb.gz")
    assert "--view peak shows what was live at the peak" in printed("table", tmp_path / "freed.pb.gz")


def test_diff_compares_peaks(heap: NaiveHeap, file: Path, tmp_path: Path):
    later = random_heap(4, STACKS)
    later.snapshot().save(tmp_path / "later.pb.gz")
    shown = document("diff", file, tmp_path / "later.pb.gz", "--view", "peak", "--all")
    old, new = heap.snapshot().peak, later.snapshot().peak
    assert (shown["sample_type"], shown["old"], shown["new"]) == (
        "peak_space", old.estimated_heap_bytes, new.estimated_heap_bytes,
    )  # fmt: skip
    assert shown["low"] < shown["delta"] < shown["high"]
    told = {one.line: one.delta_bytes for one in new.compare(old)}
    assert {site["line"]: site["delta"] for site in shown["sites"]} == pytest.approx(told, abs=4)


@pytest.mark.parametrize("name", ["go-heap", "go-cpu", "pprof-format", "ddtrace"])
@pytest.mark.parametrize("verb", ["table", "tree", "stats"])
def test_files_of_other_tools_are_reported(verb: str, name: str):
    assert printed(verb, PROFILES / f"{name}.pb.gz").count("\n") >= 2


# ---- Output for people


def test_names_cannot_steer_the_terminal_and_nothing_is_coloured_for_a_file(file: Path):
    for verb in ("table", "tree", "stats"):
        assert "\x1b" not in printed(verb, file)
    assert "evil\\\\x1b[31m\\\\n" in printed("table", file) or "evil\\x1b[31m\\n" in printed("table", file)


def on_a_terminal(*words: str | Path, columns: int = 90) -> str:
    """Return what a person sees in a terminal with this many columns."""
    controller, terminal = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    environment.update(COLUMNS=str(columns), TERM="xterm")
    process = subprocess.Popen(
        [sys.executable, "-m", "spprof", *map(str, words)], stdout=terminal, stderr=terminal, env=environment
    )
    os.close(terminal)
    seen = b""
    try:
        while chunk := os.read(controller, 65536):
            seen += chunk
    except OSError:  # the terminal's other end is closed
        pass
    os.close(controller)
    assert process.wait(TIMEOUT_SECONDS) == 0
    return seen.decode().replace("\r\n", "\n")


def without_colour(seen: str) -> str:
    for style in ("\x1b[1m", "\x1b[0m", "\x1b[2m", "\x1b[31m", "\x1b[32m"):
        seen = seen.replace(style, "")
    return seen


@pytest.mark.parametrize("verb", ["table", "tree"])
def test_a_terminal_gets_colour_and_lines_that_fit(file: Path, verb: str):
    seen = on_a_terminal(verb, file)
    assert "\x1b[1m" in seen
    plain = without_colour(seen)
    assert "\x1b" not in plain
    assert max(map(len, plain.splitlines())) <= 90
    assert "evil.py:3)" in plain


@pytest.mark.parametrize(("columns", "headings"), [(90, "own 95 % interval total site"), (40, "own total site")])
def test_a_narrow_terminal_gets_the_site_rather_than_the_interval(file: Path, columns: int, headings: str):
    first, second, *rows = without_colour(on_a_terminal("table", file, columns=columns)).splitlines()
    assert second.split() == headings.split()
    assert any(row.endswith("evil.py:3)") for row in rows)
    assert max(map(len, (first, second, *rows))) <= columns


@pytest.mark.parametrize(
    ("columns", "headings"),
    [(90, "change 95 % interval old new site"), (60, "change 95 % interval site"), (30, "change site")],
)
def test_a_narrow_terminal_gets_the_site_and_the_change_rather_than_the_rest(
    file: Path, tmp_path: Path, columns: int, headings: str
):
    NaiveHeap({}).snapshot(rate=0).save(tmp_path / "before.pb.gz")
    seen = on_a_terminal("diff", "--all", tmp_path / "before.pb.gz", file, columns=columns)
    _, second, *rows = without_colour(seen).splitlines()
    assert second.split() == headings.split()
    assert any(row.endswith("evil.py:3)") for row in rows)


def test_progress_is_shown_to_a_person_who_waits_and_wiped_off(monkeypatch: pytest.MonkeyPatch):
    shown = io.StringIO()
    moments = iter([0.0, 0.1, 0.6, 0.7])
    monkeypatch.setattr(shown, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(moments))
    show = terminal.progress("/srv/heap.pb.gz")
    assert show is not None
    for share in (0.1, 0.5, 1.0):
        show(share)
    assert shown.getvalue() == "\rheap.pb.gz: 50% \rheap.pb.gz: 100% \r\x1b[K"
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert terminal.progress("/srv/heap.pb.gz") is None


def test_a_reader_that_stops_reading_is_no_error(file: Path):
    command = f"{sys.executable} -m spprof tree {file} | head -n 1"
    finished = subprocess.run(["sh", "-c", command], capture_output=True, encoding="utf-8", check=False)
    assert finished.stderr == ""
    assert finished.stdout.startswith("inuse_space: ")


def test_any_locale_can_hold_the_output(tmp_path: Path):
    heap = NaiveHeap({1: (python_frame("größe", 3, "/srv/übung.py"),)})
    heap.add(1000, 0, 1)
    heap.snapshot().save(tmp_path / "heap.pb.gz")
    assert "gr\\xf6\\xdfe" in printed("table", tmp_path / "heap.pb.gz", PYTHONIOENCODING="ascii")


# ---- diff, merge, convert


def test_diff_tells_change_from_noise(tmp_path: Path):
    old, new = NaiveHeap({1: (LOAD, MAIN), 2: (EVIL, MAIN)}), NaiveHeap({1: (LOAD, MAIN), 2: (EVIL, MAIN)})
    for count, heap in ((10, old), (12, new)):
        for _ in range(count):
            heap.add(100, 4096, 1)
    for _ in range(10):
        new.add(100, 4096, 2)
    old.snapshot().save(tmp_path / "old.pb.gz")
    new.snapshot().save(tmp_path / "new.pb.gz")
    words = ("diff", tmp_path / "old.pb.gz", tmp_path / "new.pb.gz")
    sites = {site["line"]: site for site in document(*words, "--all")["sites"]}
    assert {line: site["significant"] for line, site in sites.items()} == {12: False, 3: True}
    assert sites[3]["low"] > 0 > sites[12]["low"]
    assert sites[12]["delta"] == sites[12]["new"] - sites[12]["old"]
    assert [site["line"] for site in document(*words)["sites"]] == [3]
    assert printed(*words).splitlines()[-1] == (
        "1 site changed by no more than chance could explain (95 %); --all shows them"
    )


def test_diff_of_a_file_with_itself_says_so(file: Path):
    assert printed("diff", file, file).splitlines()[-1] == "No site changed."


def test_diff_of_unlike_files_is_an_error(file: Path):
    finished = spprof("diff", PROFILES / "go-cpu.pb.gz", file)
    assert finished.returncode == 1
    assert "the second file has no cpu in nanoseconds; it has alloc_objects" in finished.stderr


def test_merge_adds_files_up(file: Path, tmp_path: Path):
    out = tmp_path / "both.pb.gz"
    assert printed("merge", file, file, "-o", out) == ""
    one, both = document("table", file), document("table", out)
    assert both["value"] == pytest.approx(2 * one["value"], abs=1)
    assert both["high"] - both["low"] < 2 * (one["high"] - one["low"])
    assert out.stat().st_mode & 0o777 == 0o600


def test_merge_of_unlike_files_is_an_error(file: Path, tmp_path: Path):
    finished = spprof("merge", file, PROFILES / "go-cpu.pb.gz", "-o", tmp_path / "out.pb.gz")
    assert (finished.returncode, finished.stdout) == (1, "")
    assert "only profiles with the same sample types add up" in finished.stderr
    assert finished.stderr.count(".pb.gz") == 2, "both files are named"
    assert not (tmp_path / "out.pb.gz").exists()


def test_converted_files_are_those_of_the_snapshot(heap: NaiveHeap, file: Path, tmp_path: Path):
    for name in ("x.json", "x.collapsed"):
        printed("convert", file, "-o", tmp_path / name)
        heap.snapshot().save(tmp_path / f"direct-{name}")
    lines = [(tmp_path / name).read_text().splitlines() for name in ("x.collapsed", "direct-x.collapsed")]
    assert [line.rpartition(" ")[0] for line in lines[0]] == [line.rpartition(" ")[0] for line in lines[1]]
    for ours, theirs in zip(*lines):
        assert abs(int(ours.rpartition(" ")[2]) - int(theirs.rpartition(" ")[2])) <= 100  # less than 1 for each sample
    ours, theirs = (json.loads((tmp_path / name).read_bytes()) for name in ("x.json", "direct-x.json"))
    assert [profile["name"] for profile in ours["profiles"]] == [profile["name"] for profile in theirs["profiles"]]
    assert [profile["unit"] for profile in ours["profiles"]] == ["bytes", "none"] * 3
    assert ours["profiles"][0]["endValue"] == heap.snapshot().estimated_heap_bytes


def test_converting_to_pprof_keeps_everything(file: Path, tmp_path: Path):
    printed("convert", file, "-o", tmp_path / "again.pb.gz")
    assert (tmp_path / "again.pb.gz").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("verb", ["merge", "convert"])
def test_nothing_is_overwritten_without_force(file: Path, tmp_path: Path, verb: str):
    out = tmp_path / "out.pb.gz"
    out.write_text("precious")
    refused = spprof(verb, file, "-o", out)
    assert (refused.returncode, out.read_text()) == (2, "precious")
    assert "already exists; use -f to overwrite it" in refused.stderr
    assert spprof(verb, file, "-f", "-o", out).returncode == 0
    assert out.read_bytes().startswith(b"\x1f\x8b")


# ---- CPU profiles


def cpu_file(path: Path, *ticks: tuple[int, int]) -> Path:
    """Write a file with samples of the main thread, each given as (milliseconds, stack id)."""
    cpu = NaiveCpu(STACKS, {MAIN_ID: "MainThread"})
    for milliseconds, stack_id in ticks:
        cpu.add(milliseconds * 1_000_000, MAIN_ID, stack_id)
    cpu.profile().save(path)
    return path


@pytest.fixture
def cpu(tmp_path: Path) -> Path:
    return cpu_file(tmp_path / "cpu.pb.gz", *[(10, 1)] * 90, *[(10, 3)] * 9, (10, 2))


def test_table_of_a_cpu_profile_has_times_and_shares(cpu: Path):
    assert printed("table", cpu).splitlines() == [
        "cpu: 1.00 s; 100 samples, 1 per 10 ms",
        "        own                 total           site",
        "   990.0 ms   99.0 %     990.0 ms   99.0 %  load (data/load.py:12) in inflate",
        "    10.0 ms    1.0 %      10.0 ms    1.0 %  evil\\x1b[31m\\n (" + "long/" * 40 + "evil.py:3)",
    ]
    table = document("table", cpu)
    assert (table["sample_type"], table["unit"], table["value"], table["low"]) == ("cpu", "nanoseconds", 10**9, None)
    assert [(site["own"], site["samples"], site["own_low"]) for site in table["sites"]] == [
        (990_000_000, 99, None),
        (10_000_000, 1, None),
    ]
    assert table["sites"][0]["native_function"] == "inflate"
    assert document("table", cpu, "--sample-type", "samples")["value"] == 100


def test_tree_and_stats_of_a_cpu_profile_have_its_units(cpu: Path):
    assert printed("tree", cpu).splitlines()[:3] == [
        "cpu: 1.00 s; 100 samples, 1 per 10 ms",
        "  share        total  call",
        "  100 %       1.00 s  main (main.py:90)",
    ]
    stats = printed("stats", cpu)
    for line in (
        "samples 100",
        "cpu 1.00 s",
        "entries 3",
        "period 1 per 10 ms of cpu",
        "duration 2.00 s",
        "python 3.11.7",
    ):
        assert line in re.sub(" +", " ", stats).splitlines(), line


def test_diff_of_cpu_profiles_tells_change_from_noise(tmp_path: Path):
    old = cpu_file(tmp_path / "old.pb.gz", *[(10, 1)] * 100, *[(10, 2)] * 100)
    new = cpu_file(tmp_path / "new.pb.gz", *[(10, 1)] * 110, *[(10, 2)] * 200)
    sites = {site["line"]: site for site in document("diff", old, new, "--all")["sites"]}
    assert {line: (site["delta"], site["significant"]) for line, site in sites.items()} == {
        12: (100_000_000, False),
        3: (1_000_000_000, True),
    }
    # 100 and 200 samples of 10 ms: about 1.96 times the square root of 300, and slightly more because of the skewness
    assert sites[3]["high"] - sites[3]["low"] == pytest.approx(2 * 1.96 * 300**0.5 * 1e7, rel=0.05)
    assert printed("diff", old, new).splitlines()[-1].startswith("1 site changed by no more than chance could explain")


def test_merged_cpu_profiles_add_up(cpu: Path, tmp_path: Path):
    printed("merge", cpu, cpu, "-o", tmp_path / "both.pb.gz")
    both = read_profile(str(tmp_path / "both.pb.gz"))
    assert [sum(column) for column in zip(*(sample.values for sample in both.samples))] == [200, 2 * 10**9]
    assert (both.period, both.duration_ns) == (10_000_000, 4 * 10**9)


def test_converted_cpu_profiles_are_those_that_were_saved(cpu: Path, tmp_path: Path):
    printed("convert", cpu, "-o", tmp_path / "x.collapsed")
    assert (tmp_path / "x.collapsed").read_text().splitlines()[1:] == [
        "main (app/main.py:90);load (data/load.py:12) 900000000",
        "main (app/main.py:90);load (data/load.py:12);inflate 90000000",
    ]
    printed("convert", cpu, "-o", tmp_path / "x.json")
    (chart,) = json.loads((tmp_path / "x.json").read_bytes())["profiles"]
    assert (chart["name"], chart["unit"], chart["endValue"]) == (f"MainThread ({MAIN_ID})", "nanoseconds", 10**9)


# ---- bad files


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    chunk = b"\0" * (1 << 20)
    return b"".join(packer.compress(chunk) for _ in range(size >> 20)) + packer.flush()


GOOD = b"".join(written(profile_of(random_heap(1, STACKS).snapshot())))
PLAIN = gzip.decompress(GOOD)
ONE_TYPE = bytes_field(6, b"") + bytes_field(6, b"x") + bytes_field(1, b"\x08\x01\x10\x01")
BAD_FILES = {
    "empty": (b"", "it is empty"),
    "truncated": (GOOD[: len(GOOD) // 2], "it ends in the middle of its gzip data"),
    "truncated inside": (packed(PLAIN[: len(PLAIN) // 2]), "damaged one"),
    "corrupted": (GOOD[:200] + bytes(byte ^ 0x55 for byte in GOOD[200:260]) + GOOD[260:], "gzip data is damaged"),
    "json": (b'{"a": 1}', "it looks like JSON"),
    "text": (b"hello, world\n" * 10, "not a pprof profile"),
    "program": (b"\x7fELF" + bytes(100), "it is a program or library"),
    "zip": (b"PK\x03\x04" + bytes(100), "it is a zip archive"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(100), "zstd"),
    "zeros": (bytes(1000), "not a pprof profile"),
    "zip bomb": (bomb(1 << 30), "it unpacks to more than 256 MiB"),
    "many members": (packed(b"") * 100_000, "gzip members"),
    "a length of 10 GB": (
        varint(2 << 3 | 2) + varint(10 * 2**30) + b"x",
        "it ends in the middle of a field of 10737418240 bytes",
    ),
    "a number without end": (b"\x48" + b"\xff" * 50, "a number is too long"),
    "no sample types": (bytes_field(6, b""), "it has no sample types"),
    "no strings": (bytes_field(1, b""), "string table"),
    "a location that is not there": (
        ONE_TYPE + bytes_field(2, b"\x08\x07\x10\x01"),
        "location 7, which does not exist",
    ),
    "a function that is not there": (
        ONE_TYPE + bytes_field(4, b"\x08\x01\x22\x02\x08\x05"),
        "function 5, which does not exist",
    ),
    "a mapping that is not there": (ONE_TYPE + bytes_field(4, b"\x08\x01\x10\x09"), "mapping 9, which does not exist"),
    "a string that is not there": (ONE_TYPE + bytes_field(1, b"\x08\x63"), "string 99 of 2"),
    "an id twice": (ONE_TYPE + 2 * bytes_field(5, b"\x08\x01"), "function 1 occurs twice"),
    "too few values": (ONE_TYPE + bytes_field(2, b""), "0 values for 1 sample types"),
    "many messages": (ONE_TYPE + b"\x12\x00" * 5_000_000, "more than 4194304 entries"),
    "stacks that multiply": (
        ONE_TYPE
        + bytes_field(5, b"\x08\x01")
        + bytes_field(4, b"\x08\x01" + bytes_field(4, b"\x08\x01") * 20_000)
        + bytes_field(2, bytes_field(1, b"\x01" * 20_000) + bytes_field(2, b"\x01")),
        "its stacks have more than",
    ),
}


@pytest.mark.parametrize(("data", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_status_1_and_one_line(tmp_path: Path, data: bytes, message: str):
    path = tmp_path / "bad.pb.gz"
    path.write_bytes(data)
    finished = subprocess.run(
        ["sh", "-c", 'ulimit -v 4000000; exec "$@"', "sh", sys.executable, "-m", "spprof", "table", str(path)],
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert (finished.returncode, finished.stdout) == (1, "")
    (line,) = finished.stderr.splitlines()
    assert line.startswith(f"spprof: {path}: ")
    assert message in line


@pytest.mark.parametrize("verb", ["table", "tree", "stats", "diff", "merge", "convert"])
def test_a_file_that_is_not_there_is_named_by_every_verb(tmp_path: Path, verb: str):
    words = {"diff": ["no\nfile", "b"], "merge": ["no\nfile", "-o", str(tmp_path / "out")]}.get(verb, ["no\nfile"])
    if verb == "convert":
        words += ["-o", str(tmp_path / "out.json")]
    finished = spprof(verb, *words)
    assert (finished.returncode, finished.stderr) == (1, "spprof: no\\nfile: No such file or directory\n")


def test_convert_and_diff_take_what_a_folder_adds_up_to(heap: NaiveHeap, folder: Path, tmp_path: Path):
    printed("convert", folder, "-o", tmp_path / "all.pb.gz")
    assert document("table", tmp_path / "all.pb.gz") == document("table", folder)
    assert document("diff", tmp_path / "all.pb.gz", folder)["sites_changed"] == 0
    (tmp_path / "empty").mkdir()
    finished = spprof("convert", tmp_path / "empty", "-o", tmp_path / "x.json")
    assert finished.stderr == f"spprof: {tmp_path / 'empty'}: the folder has no .pb.gz files\n"
    assert finished.returncode == 1


def test_a_value_type_without_samples_is_explained(tmp_path: Path):
    empty = Profile((ValueType("cpu", "nanoseconds"),))
    (tmp_path / "empty.pb").write_bytes(b"".join(written(empty)))
    assert printed("table", tmp_path / "empty.pb").splitlines() == ["cpu: 0 s", "no sample has a value for cpu"]


# ---- the command itself


def test_help_and_version_and_bad_usage():
    assert "preload-path" in printed("--help")
    assert printed("--version").startswith("spprof 0.")
    assert os.path.isfile(printed("preload-path").strip())
    for words in ([], ["nope"], ["table"], ["table", "--nope", "x"], ["flamegraph"], ["table", "x", "-n", "-1"]):
        finished = spprof(*words)
        assert finished.returncode == 2, words
        assert finished.stderr.startswith("usage: "), words


def test_reading_and_tabling_leave_the_profiler_alone(file: Path):
    assert read_profile(str(file)).is_heap


# ---- Several files


@pytest.fixture
def folder(heap: NaiveHeap, ticks: NaiveCpu, tmp_path: Path) -> Path:
    """A folder with two heap profiles of unrelated processes, a CPU profile, and a page."""
    folder = tmp_path / "profiles"
    folder.mkdir()
    for number, one in enumerate((heap, random_heap(4, STACKS)), 4711):
        snapshot = replace(one.snapshot(), lineage=Lineage(((number, number),)))
        snapshot.save(folder / f"app.{number}.pb.gz")
    ticks.profile().save(folder / "app.cpu.pb.gz")
    heap.snapshot().save(folder / "app.html")
    return folder


@pytest.mark.parametrize("verb", ["table", "tree"])
def test_heap_profiles_of_a_folder_are_added_up(verb: str, heap: NaiveHeap, folder: Path):
    whole = heap.snapshot().estimated_heap_bytes + random_heap(4, STACKS).snapshot().estimated_heap_bytes
    assert document(verb, folder)["value"] == pytest.approx(whole, abs=1)
    names = [str(folder / f"app.{number}.pb.gz") for number in (4711, 4712)]
    assert document(verb, *names)["value"] == pytest.approx(whole, abs=1)
    assert document(verb, *names, folder / "app.cpu.pb.gz") == document(verb, folder)


def test_cpu_profiles_are_chosen_by_what_they_hold(ticks: NaiveCpu, folder: Path):
    assert document("table", "--cpu", folder)["value"] == ticks.sampled_ns
    assert [one["type"] for one in document("stats", "--cpu", folder)["sample_types"]] == ["samples", "cpu"]
    for path in folder.glob("app.471*"):
        path.unlink()
    assert document("table", folder)["unit"] == "nanoseconds", "where there are no others they are meant"


def test_folders_and_files_without_what_is_wanted_are_named(folder: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    empty = spprof("table", tmp_path / "empty")
    assert (empty.returncode, empty.stderr) == (1, f"spprof: {tmp_path / 'empty'}: the folder has no .pb.gz files\n")
    none = spprof("table", "--cpu", folder / "app.4711.pb.gz")
    assert (none.returncode, none.stderr.endswith("app.4711.pb.gz: there is no CPU profile\n")) == (1, True)


def test_a_table_by_process_says_which_one_holds_how_much(heap: NaiveHeap, folder: Path):
    groups = document("table", "--by", "process", folder)["groups"]
    other = random_heap(4, STACKS).snapshot()
    ends = heap.snapshot(), other
    told = {group["name"]: (group["own"], group["own_low"], group["own_high"]) for group in groups}
    expected = {
        f"process {number}": (one.estimated_heap_bytes, *(Tally(profile_of(one), 3).whole.interval() or ()))
        for number, one in enumerate(ends, 4711)
    }
    assert told.keys() == expected.keys()
    for name, numbers in expected.items():
        assert told[name] == pytest.approx(numbers, abs=2)
    lines = printed("table", "--by", "process", folder).splitlines()
    assert lines[1].endswith("process")
    assert {line.split()[-1] for line in lines[2:4]} == {"4711", "4712"}


def test_a_table_by_thread(folder: Path, ticks: NaiveCpu):
    groups = document("table", "--cpu", "--by", "thread", folder)["groups"]
    spent: dict[int, int] = {}
    for tick in ticks.ticks:
        spent[tick.thread_id] = spent.get(tick.thread_id, 0) + tick.weight_ns
    assert {int(group["name"].rpartition("(")[2].strip(")")): group["own"] for group in groups} == spent
    assert sum(group["name"].startswith("MainThread (") for group in groups) == 1


def test_flamegraph_has_a_name_for_its_page(folder: Path):
    shown = spprof("flamegraph", folder / "app.4711.pb.gz")
    assert (shown.returncode, (folder / "app.4711.html").exists()) == (0, True), shown.stderr
    assert shown.stderr.endswith("app.4711.html\n")
    again = spprof("flamegraph", folder / "app.4711.pb.gz")
    assert (again.returncode, "use -f to overwrite it" in again.stderr) == (2, True)
    assert spprof("flamegraph", f"{folder}/").returncode == 0
    assert folder.with_suffix(".html").exists()


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_help_ends_with_three_examples_that_are_understood(verb: str):
    module = importlib.import_module("spprof.cli." + verb.replace("-", "_"))
    assert len(module.EXAMPLES) == 3
    shown = printed(verb, "--help")
    for command, what in module.EXAMPLES:
        assert f"  {command}\n      {what}\n" in shown
        assert len(command) <= 76
        words = shlex.split(command.replace("$(spprof preload-path)", "x"))
        if verb == "preload-path":
            continue
        assert words[:2] == ["spprof", verb]
        if verb == "run":
            own, following = run._split(words[2:])
            run._parser().parse_args(own)
            assert following
        else:
            parser_of(verb, module).parse_args(words[2:])


@pytest.mark.parametrize(
    "words",
    [
        ("flamegraph", "heap.pb.gz", "-o", "out.html"),
        ("convert", "heap.pb.gz", "-o", "out.html"),
        ("convert", "heap.pb.gz", "-o", "out.json"),
        ("convert", "heap.pb.gz", "-o", "out.collapsed"),
        ("diff", "heap.pb.gz", "heap.pb.gz", "--html", "out.html"),
        ("merge", "heap.pb.gz", "heap.pb.gz", "-o", "out.pb.gz"),
        ("table", "heap.pb.gz"),
        ("tree", "heap.pb.gz"),
        ("imports", "heap.pb.gz"),
        ("rss", "heap.pb.gz"),
        ("stats", "heap.pb.gz"),
    ],
    ids="-".join,
)
def test_the_installed_command_does_what_the_module_does(heap: NaiveHeap, tmp_path: Path, words: tuple[str, ...]):
    """A process named spprof does not preload any of the package's modules."""
    said = []
    snapshot = heap.snapshot()
    del vars(snapshot)["_resident"]  # forces a new measurement
    for number, command in enumerate(([sys.executable, "-m", "spprof"], [Path(sys.executable).parent / "spprof"])):
        folder = tmp_path / str(number)
        folder.mkdir()
        snapshot.save(folder / "heap.pb.gz")
        finished = subprocess.run(
            [*command, *words], cwd=folder, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
        written_files = {path.name: path.read_bytes() for path in folder.iterdir()}
        said.append((finished.returncode, finished.stdout, finished.stderr, written_files))
    assert said[0] == said[1]
    assert said[0][0] == 0
