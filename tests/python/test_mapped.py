"""The program's own mappings: which line created them, how much is resident, and where the figures are shown."""

from __future__ import annotations

import json
import math
import mmap
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from child import Child
from native import compile_library
from specimens import FOLDER, specimen
from spprof import _engine
from spprof.analysis.by_site import Tally
from spprof.heap.mapped import MappedMemory, Range, drawn_at
from spprof.heap.mapped_sites import top
from spprof.heap.samples import HeapSamples
from spprof.heap.to_pprof import profile_of
from spprof.pprof.decode import decode
from spprof.pprof.encode import encode
from spprof.pprof.merge import merged
from spprof.pprof.profile import MAPPED_OBJECTS, MAPPED_SPACE, RESIDENT_SPACE, Profile
from spprof.report.build import report_of
from spprof.report.model import Report
from spprof.results import Frame
from spprof.text import human_bytes

NOT_KNOWN = 2**64 - 1
NO_PATH = 2**32 - 1
KNOWN = {
    "private": (500, "anonymous", ""),
    "unnamed": (300, "shared", ""),
    "of_file": (200, "file", "data.bin"),
    "shared": (100, "shared", "/dev/shm/NAME"),
    "untouched": (0, "shared", ""),
}
"""For each function of the program: how many of 1000 pages it has touched, and the kind and path of its mapping."""


class Known:
    """A run of the program that maps known sizes, in one mode."""

    def __init__(self, child: Child, folder: Path, order: str, preload: bool) -> None:
        self.profile = folder / "known.pb.gz"
        data = folder / "data.bin"
        said = child.run(specimen("mapped/known"), order, str(self.profile), str(data), preload=preload)
        told = json.loads(said)
        self.page = told["page"]
        self.top = told["top"]
        self.found = {stack[-2]: rest for stack, *rest in told["found"] if stack}


@pytest.fixture(scope="module", params=["patch", "preload"])
def native(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "preload")


@pytest.fixture(scope="module", params=["first", "after"])
def known(request: pytest.FixtureRequest, native: bool, tmp_path_factory: pytest.TempPathFactory) -> Known:
    """Run the program preloaded and patched, with the profiler started before and after the imports."""
    folder = tmp_path_factory.mktemp("known")
    return Known(Child(folder), folder, request.param, native)


def test_every_mapping_has_the_line_that_made_it_and_its_resident_pages(known: Known) -> None:
    for function, (pages, kind, path) in KNOWN.items():
        found = known.found[function]
        assert found[:3] == [1000, pages, 0], function
        assert found[3] == kind, function
        assert found[4].endswith(path), function
        assert bool(path) == bool(found[4]), function
        assert found[5:] == [1.0, "MainThread", True], function
    assert set(known.found) == set(KNOWN), "what was unmapped is not listed, nor are the pools of Python"


def test_top_mappings_are_those_that_hold_most(known: Known) -> None:
    rows = [(row["function"], row["resident_bytes"] // known.page) for row in known.top]
    assert rows == [("private", 500), ("unnamed", 300), ("of_file", 200)]
    for row in known.top:
        assert (row["kind"], row["mapped_bytes"], row["mapping_count"]) == ("mapped", 1000 * known.page, 1)
        assert row["file"].endswith("known.py")
        assert row["line"] > 0


@pytest.mark.parametrize("view", ["mapped", "resident"])
def test_the_command_line_shows_the_users_line(known: Known, child: Child, view: str) -> None:
    said = child.run(
        SPPROF, "table", "--view", view, "--json", str(known.profile),
    )  # fmt: skip
    sites = {site["function"]: site for site in json.loads(said)["sites"]}
    site = sites.get("SharedMemory.__init__") or sites["__init__"]  # before 3.11 without the class
    assert site["your_line"]["function"] == "shared"
    assert site["own"] == known.page * (1000 if view == "mapped" else 100)
    assert sites["of_file"]["own"] == known.page * (1000 if view == "mapped" else 200)
    assert sites["of_file"]["own_low"] == sites["of_file"]["own_high"] == sites["of_file"]["own"]
    assert ("untouched" in sites) == (view == "mapped")


SPPROF = "import sys; from spprof.cli.main import main; sys.exit(main(sys.argv[1:]))"


def test_a_run_tells_the_lines_at_its_end_and_in_its_file(child: Child, tmp_path: Path) -> None:
    out, program = tmp_path / "out.pb.gz", specimen("mapped/workload")
    ended = child.attempt(SPPROF, "run", "-o", str(out), str(program), str(tmp_path / "journal.bin"))
    assert ended.returncode == 0
    lines = ended.stderr.splitlines()
    at = next(number for number, line in enumerate(lines) if "mapped outside the heap" in line)
    size = {"journal": 1000 * mmap.PAGESIZE, "cache": 2000 * mmap.PAGESIZE}
    assert f"mapped outside the heap: {human_bytes(sum(size.values()))} in 2 mappings, " in lines[at]
    assert f"{human_bytes(1600 * mmap.PAGESIZE)} of it in memory" in lines[at]
    there = human_bytes(800 * mmap.PAGESIZE)
    for function, line in zip(("cache", "journal"), lines[at + 2 :]):
        assert line.split()[1:] == [*human_bytes(size[function]).split(), *there.split(), function, *line.split()[-1:]]
    tables = {view: child.run(SPPROF, "table", "--view", view, str(out)) for view in ("live", "mapped", "resident")}
    assert "--view mapped shows the lines" in tables["live"]
    assert "2 mappings" in tables["mapped"]
    for view in ("mapped", "resident"):
        assert "journal (workload.py:12)" in tables[view], tables[view]
    assert f"mapped outside the heap: {human_bytes(sum(size.values()))}" not in tables["mapped"]
    tree = child.run(SPPROF, "tree", "--view", "resident", str(out))
    assert "journal" in tree
    assert "bootstrap" not in tree, "what led to the program is no part of it"
    changed = child.run(SPPROF, "diff", "--view", "mapped", str(out), str(out))
    assert "No site changed." in changed


def test_files_from_before_the_start_are_known_by_name(child: Child, tmp_path: Path) -> None:
    said = json.loads(child.run(specimen("mapped/before_start"), str(tmp_path / "data.bin")))
    whom = [["<mapped before the start>", True, 0]]
    assert said == {"data.bin": [200, 50, 0, 0, whom], "shared": [100, 50, 0, 0, whom]}


def test_a_thread_without_python_is_told_by_library_and_name(child: Child, tmp_path: Path) -> None:
    library = compile_library(FOLDER / "mapped/threads.c", tmp_path / "libpool.so", "-D_GNU_SOURCE", "-pthread")
    living, gone, _ = child.run(specimen("mapped/other_threads"), str(library)).split(";")
    assert living == "libpool.so, thread pool-7 True body"
    assert gone == "libpool.so, thread ID True body"


def test_a_block_has_what_it_has_mapped_and_off_follows_nothing(child: Child, tmp_path: Path) -> None:
    child.run(specimen("mapped/in_a_block"), str(tmp_path / "off.pb.gz"))
    said = child.attempt(
        SPPROF, "table", "--view", "mapped", str(tmp_path / "off.pb.gz"),
    )  # fmt: skip
    assert said.returncode == 1
    assert "no view 'mapped'; the file has live, peak, allocated, resident" in said.stderr


def test_mappings_that_find_no_room_are_counted_and_told(child: Child, tmp_path: Path) -> None:
    out = tmp_path / "x.pb.gz"
    said = child.run(specimen("mapped/too_many"), str(out), environment={"SPPROF_MAPPINGS_MAX": "32"})
    listed, missing, lines = json.loads(said)
    assert listed < 40 <= listed + missing
    sentence = (
        f"the table of mappings was full for {missing} mappings, not counted here; set SPPROF_MAPPINGS_MAX higher"
    )
    assert sentence in lines
    table = child.run(SPPROF, "table", "--view", "mapped", "--json", str(out))
    assert json.loads(table)["shortages"] == {"unlisted_mappings": str(missing)}


# ---- Invented records


LINE = Frame("load", "/app/data.py", 12, 0, True)
OTHER = Frame("store", "/app/data.py", 30, 0, True)
STACKS = {1: (LINE,), 2: (OTHER,)}


def record(address: int, size: int, resident: int, stack: int, probability: float = 1.0, path: int = NO_PATH) -> Range:
    swapped = NOT_KNOWN if resident == NOT_KNOWN else 0
    return Range(address, size, resident, swapped, stack, 1000, probability, 77, 1, path)


def snapshot_of(records: list[Range], blocks: Sequence[tuple[int, int, int]] = (), rate: int = 4096) -> HeapSamples:
    """Return a snapshot with these mappings. ``blocks`` lists the size, resident bytes and stack of each block."""
    packed = [
        struct.pack(_engine.SAMPLE_FORMAT, 16 * at, size, at, at, rate, 77, stack)
        for at, (size, _, stack) in enumerate(blocks, 1)
    ]
    sites = []
    for stack_id in STACKS:
        live = [size for size, _, stack in blocks if stack == stack_id]
        weights = [size / -math.expm1(-size / rate) for size in live]
        fixed = sum(round(one * _engine.BYTES_ONE) for one in weights)
        objects = sum(round(one / size * _engine.OBJECTS_ONE) for one, size in zip(weights, live))
        sums = (len(live), sum(live), fixed, objects, 0.0, 0.0)
        sites.append((stack_id, *sums, 0.0, 0.0, len(live), fixed, objects, 0.0, 0.0, 0, 0, b"", False, False))
    return HeapSamples(
        live_samples=len(blocks),
        total_samples=len(blocks),
        sampling_rate_bytes=rate,
        timestamp_ns=0,
        _highest_bytes=0,
        _packed=b"".join(packed),
        _sites=sites,  # type: ignore[arg-type]
        _wall_minus_monotonic_ns=0,
        _frames_of=STACKS.__getitem__,
        _learn=list,  # type: ignore[arg-type]
        _blocks=b"".join(
            struct.pack(_engine.RESIDENT_FORMAT, at, resident, 0)
            for at, (size, resident, _) in enumerate(blocks, 1)
            if size >= _engine.LARGE_BLOCK
        ),
        mapped=MappedMemory(records, ["/data/x.bin"], STACKS.__getitem__, list),  # type: ignore[arg-type]
    )


def written(samples: HeapSamples) -> Profile:
    """Return the profile as it would be read from a file of these samples."""
    return decode(b"".join(encode(profile_of(samples, modules=[]))))


def sums(profile: Profile, value_type) -> dict[str, tuple[int, int, int]]:  # type: ignore[no-untyped-def]
    """Return the value and interval of each site."""
    tally = Tally(profile, profile.sample_types.index(value_type))
    return {key.function: (site.value, *(site.interval() or (-1, -1))) for key, site in tally.own.items()}


MIB = 1 << 20


def test_blocks_and_mappings_add_up_to_what_is_in_memory() -> None:
    records = [record(0x1000, 8 * MIB, 3 * MIB, 1), record(0x900000, MIB, MIB, 2, path=0)]
    profile = written(snapshot_of(records, [(MIB, MIB, 1), (2 * MIB, 0, 2), (4 * MIB, MIB, 2), (100, 0, 2)], rate=1))
    assert sums(profile, MAPPED_SPACE) == {"load": (8 * MIB,) * 3, "store": (MIB,) * 3}
    in_memory = {"load": (4 * MIB,) * 3, "store": (2 * MIB + 100,) * 3}
    assert sums(profile, RESIDENT_SPACE) == in_memory
    at = profile.sample_types.index(RESIDENT_SPACE)
    assert sum(sample.values[at] for sample in profile.samples) == 6 * MIB + 100
    assert "path" in {label.key for sample in profile.samples for label in sample.labels}


def test_what_is_resident_of_sampled_blocks_has_the_interval_of_its_share() -> None:
    whole = written(snapshot_of([], [(MIB, MIB, 1)] * 5, rate=MIB))
    half = written(snapshot_of([], [(MIB, MIB // 2, 1)] * 5, rate=MIB))
    (value, low, high), (less, lower, higher) = (sums(one, RESIDENT_SPACE)["load"] for one in (whole, half))
    assert abs(value - 2 * less) <= 2
    assert abs(low - 2 * lower) <= 4
    assert abs(high - 2 * higher) <= 4
    assert low < value < high


def test_a_sampled_mapping_stands_for_its_like() -> None:
    size, rate = 64 * 1024, 512 * 1024
    probability = -math.expm1(-size / rate)
    taken = snapshot_of([record(0x1000 * at, size, size, 1, probability) for at in range(1, 41)], rate=rate)
    expected = 40 * size / probability
    (row,) = top(taken.mapped, 10)
    assert abs(row["mapped_bytes"] / expected - 1) < 1e-5
    assert row["mapping_count"] == round(40 / probability)
    for value_type in (MAPPED_SPACE, RESIDENT_SPACE):
        value, low, high = sums(written(taken), value_type)["load"]
        assert abs(value / expected - 1) < 1e-5
        assert low < value < high
    assert taken.mapped
    assert drawn_at(taken.mapped.mappings[0]) == rate


def test_where_one_is_not_known_the_file_does_not_tell_what_is_resident() -> None:
    for taken in (
        snapshot_of([record(0x1000, MIB, NOT_KNOWN, 1)]),
        snapshot_of([], [(MIB, NOT_KNOWN, 1)]),
    ):
        assert not taken.knows_resident
        profile = profile_of(taken, modules=[])
        assert RESIDENT_SPACE not in profile.sample_types
        assert {MAPPED_OBJECTS, MAPPED_SPACE} < set(profile.sample_types)
        assert all(row["resident_bytes"] is None for row in top(taken.mapped, 10))


def test_the_page_has_what_is_resident_and_mappings_where_there_are_any() -> None:
    blocks = [(MIB, MIB // 2, 1)]
    without, with_one = (written(snapshot_of(some, blocks)) for some in ([], [record(0x1000, MIB, MIB, 2)]))
    assert groups(report_of(without)) == ["allocated", "in use", "at the peak", "resident"]
    assert groups(report_of(without, "mapped_space"))[3:] == ["mapped", "resident"]
    report = report_of(with_one)
    assert groups(report)[3:] == ["mapped", "resident"]
    titles = [column.title for column in report.columns]
    spread = {titles[at] for at in report.spread_columns}
    assert {"mapped: bytes", "resident: bytes"} < spread
    values = dict(zip(titles, map(sum, report.sides[0].values)))
    assert values["mapped: bytes"] == MIB
    assert values["resident: bytes"] == MIB + values["in use: bytes"] // 2


def groups(report: Report) -> list[str]:
    """Return the measured quantities in the order of the columns."""
    return list(dict.fromkeys(column.group for column in report.columns))


def test_merged_files_have_the_mappings_of_both() -> None:
    one = written(snapshot_of([record(0x1000, MIB, MIB, 1)], [(MIB, MIB // 2, 1)] * 3, rate=MIB))
    two = written(snapshot_of([record(0x1000, 2 * MIB, 0, 1)], [(MIB, MIB // 4, 1)], rate=2 * MIB))
    both = merged([one, two])
    for value_type in (MAPPED_SPACE, RESIDENT_SPACE):
        alone = [sums(profile, value_type)["load"][0] for profile in (one, two)]
        assert abs(sums(both, value_type)["load"][0] - sum(alone)) <= 1
