"""A process's resident memory, part by part: how it is measured, shown in files and reports, and released."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from child import Child
from naive_heap import NaiveHeap, python_frame
from specimens import specimen
from spprof.analysis import residency
from spprof.cli.rss import bar
from spprof.heap import resident_memory
from spprof.heap import snapshot as snapshots
from spprof.heap.snapshot import HeapSnapshot
from spprof.heap.to_pprof import profile_of
from spprof.pprof.file import read_profile
from spprof.pprof.merge import merged
from spprof.pprof.profile import HEAP_TYPES, Profile
from spprof.pprof.resident import Residency, comments, parts_of, residency_of, summed
from spprof.process import regions, zeroed_data
from spprof.process.stretches import Taken
from spprof.process.zeroed_data import data_without_file
from spprof.report.build import difference_of, report_of
from spprof.results import ResidentMemory, UnclaimedMemory
from spprof.text import human_bytes
from test_cli_reports import PROFILES, spprof

MIB = 1 << 20
FREED = 16_384 * 4000 * 15 // 16
"""Bytes that tests/specimens/resident_memory/dropped_cache.py drops."""


def memory_of(sizes: dict[str, int], rss: int, **fields: Any) -> ResidentMemory:
    returnable, heaps = fields.get("returnable_bytes", 0), fields.get("malloc_heaps", 0)
    known = {"pss_bytes": rss, "swap_bytes": 0, "cgroup_bytes": None, "cgroup_limit_bytes": None}
    rest = rss - sum(sizes.values())
    return ResidentMemory(
        **{
            "rss_bytes": rss,
            **known,
            "parts": parts_of(sizes, returnable, heaps),
            "unexplained_bytes": rest,
            "anonymous_bytes": rss,
            **fields,
        }
    )


SOME = memory_of(
    {"native_blocks": 30 * MIB, "malloc_free": 282 * MIB, "files": 9 * MIB, "mapped": 0},
    rss=320 * MIB,
    pss_bytes=311 * MIB,
    swap_bytes=3 * MIB,
    cgroup_bytes=400 * MIB,
    cgroup_limit_bytes=2048 * MIB,
    returnable_bytes=190 * MIB,
    lazy_free_bytes=MIB,
    threads=7,
    malloc_heaps=5,
    unclaimed=(UnclaimedMemory("anonymous, rwxp", 2 * MIB), UnclaimedMemory("[anon:a; b]", MIB)),
)


def profile_with(memory: ResidentMemory | None, time_ns: int = 0) -> Profile:
    told = comments(Residency(memory) if memory else None)
    return Profile(HEAP_TYPES, time_ns=time_ns, comments=tuple(f"{key}: {text}" for key, text in told.items()))


# ---- Remedies


def test_what_malloc_keeps_is_given_back_on_request(child: Child) -> None:
    said = json.loads(child.run(specimen("resident_memory/trim")))
    assert said["returnable"] > 0.8 * FREED
    assert said["free"] >= said["returnable"]
    assert said["back"] > 0.9 * said["returnable"]
    assert said["less"] > 0.8 * said["returnable"]
    assert said["left"] < 0.1 * said["returnable"]
    assert said["intact"]


@pytest.mark.parametrize(
    ("name", "size", "heaps", "told"),
    [
        ("malloc_free", 32 * MIB, 1, "would release 20.0 MiB"),
        ("malloc_free", 32 * MIB, 9, "malloc has 9 heaps: MALLOC_ARENA_MAX=2 limits it to two"),
        ("malloc_free", 32 * MIB, 0, "spprof.memprof.trim() makes malloc release what it can"),
        ("malloc_free", MIB, 9, None),
        ("python_objects", 32 * MIB, 1, "gc.collect()"),
        ("thread_stacks", 32 * MIB, 1, "threading.stack_size(N)"),
        ("pymalloc_free", 32 * MIB, 1, "an arena is released only when none of its blocks is in use"),
        ("pymalloc_free", MIB, 1, None),
        ("files", 32 * MIB, 1, None),
    ],
)
def test_a_part_has_a_remedy_where_it_is_much(name: str, size: int, heaps: int, told: str | None) -> None:
    (part,) = parts_of({name: size}, 20 * MIB, heaps)
    assert (part.remedy is None) == (told is None)
    assert told is None or told in (part.remedy or "")


# ---- Measured


def test_parts_and_the_rest_come_to_rss(child: Child, tmp_path: Path) -> None:
    for kind, part in (("malloc", "malloc_free"), ("pools", "pymalloc_free")):
        said = json.loads(child.run(specimen("resident_memory/parts"), str(tmp_path / f"{kind}.pb.gz"), kind))
        found = said["document"]
        sizes = {one["name"]: one["bytes"] for one in found["parts"]}
        assert found["rss"] == sum(sizes.values()) + found["unexplained"]
        assert sizes[part] > 0.9 * (FREED if kind == "malloc" else 400_000 * 240 * 0.95)
        assert f"free but kept {'by malloc' if kind == 'malloc' else 'in Python'}" in said["printed"]
        assert said["memory"].startswith(f"in memory (RSS): {human_bytes(found['rss'])}; PSS ")
        known = residency_of(read_profile(str(tmp_path / f"{kind}.pb.gz")))
        assert known is not None
        assert known.memory.document() == found


def test_where_much_is_unexplained_it_is_said_what_is_known(child: Child) -> None:
    said = json.loads(child.run(specimen("resident_memory/unclaimed")))
    found = said["document"]
    assert found["unexplained"] > 100 * MIB
    assert found["unclaimed"][0]["name"] == "anonymous, rw-p"
    assert found["unclaimed"][0]["bytes"] >= 128 * MIB
    last = said["memory"].split("\n")[-1]
    assert last.startswith(f"no part accounts for {human_bytes(found['unexplained'])}; ")
    assert f"{human_bytes(found['unclaimed'][0]['bytes'])} are in the region anonymous, rw-p" in last
    assert last.endswith(f"the process has {found['threads']} threads")


def test_memory_that_somebody_has_named_is_nameless_all_the_same() -> None:
    """CPython 3.15 names its arenas this way, and glibc names its heaps if told to."""
    head = "7f0000000000-7f0000100000 rw-p 00000000 00:00 0   "
    numbers = ["Rss:  1024 kB", "Pss: 512 kB", "Swap: 4 kB", "LazyFree: 8 kB", "VmFlags: rd wr"]
    lines = [
        line for name in ("[anon:cpython:pymalloc]", "", "/dev/shm/a", "[heap]") for line in (head + name, *numbers)
    ]
    found = list(regions._regions(lines))
    assert [one.is_nameless for one in found] == [True, True, False, False]
    assert {(one.rss, one.pss, one.swap, one.lazy_free) for one in found} == {(1024 << 10, 512 << 10, 4 << 10, 8 << 10)}


@pytest.mark.parametrize("size", [256 * MIB, 256 * MIB + 4096])
def test_sums_that_would_keep_threads_waiting_are_not_asked_for(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """The kernel holds a lock while it adds up the pages of a region."""
    lines = [
        "10000000-11000000 r--p 00000000 08:01 7   /bin/a",
        "20000000-21000000 rw-p 00000000 00:11 1   /anon_hugepage (deleted)",
        "700000000000-7fff00000000 rw-p 00000000 00:00 0",
    ]
    sizes = {0x10000000: MIB, 0x20000000: 2 * MIB, 0x700000000000: size}
    asked = []

    def list_text(measured: bool) -> bytes:
        asked.append(measured)
        sums = ["\nRss: 1 kB\nPss: 1 kB\nLazyFree: 0 kB"] * 3 if measured else [""] * 3
        return "".join(line + rest + "\n" for line, rest in zip(lines, sums)).encode()

    monkeypatch.setattr(regions._engine, "list_text", list_text)
    monkeypatch.setattr(regions._engine, "resident_of", lambda ranges: [sizes[start] for start, _ in ranges])
    found = regions.regions()
    assert [one.start for one in found] == list(sizes)
    if size <= 256 * MIB:
        assert asked == [False, True]
        assert [(one.rss, one.pss) for one in found] == [(1024, 1024)] * 3
    else:
        assert asked == [False]
        assert [(one.rss, one.huge_private) for one in found] == [(MIB, 0), (0, 2 * MIB), (size, 0)]
        assert {(one.pss, one.lazy_free) for one in found} == {(None, None)}


def test_what_was_not_asked_for_is_not_told() -> None:
    large = memory_of({"native_blocks": 300 * MIB}, rss=310 * MIB, pss_bytes=None, lazy_free_bytes=None)
    assert "; PSS not measured; " in str(large)
    known = residency_of(profile_with(large))
    assert known is not None
    assert known.memory == large
    both = summed([Residency(SOME), known])
    assert both is not None
    assert (both.memory.pss_bytes, both.memory.lazy_free_bytes) == (None, None)
    assert both.memory.rss_bytes == 630 * MIB


def test_mappings_of_reserved_huge_pages_are_in_no_part() -> None:
    """The kernel excludes these mappings from RSS, and lists them as file mappings."""
    lines = [
        "7f0000000000-7f0000400000 rw-p 00000000 00:11 1   /anon_hugepage (deleted)",
        *("Rss: 0 kB", "Shared_Hugetlb: 0 kB", "Private_Hugetlb: 4096 kB"),
        "7f0000400000-7f0000800000 rw-p 00000000 00:00 0   ",
        *("Rss: 4096 kB", "Shared_Hugetlb: 0 kB", "Private_Hugetlb: 0 kB"),
    ]
    every = list(regions._regions(lines))
    at = [SimpleNamespace(address=one.start) for one in every]
    assert resident_memory._in_rss(at, every) == at[1:]  # type: ignore[arg-type, comparison-overlap]


def test_of_files_those_with_code_alone_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a file's mapping loads a page of data into memory, and may affect a device."""
    wanted, read = [], []

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        read.append(offset)
        return b""

    lines = []
    for number, (path, kinds) in enumerate(
        {
            "/a/data": ("r--p", "rw-p"),
            "/a/data that is shared": ("rw-s", "rw-s"),
            "/dev/uio0": ("r-xs", "rw-s"),
            "/a/lib.so": ("r--p", "r-xp", "rw-p"),
            "/a/old style.so": ("r-xp", "rw-p"),
        }.items()
    ):
        start = 0x10000000 * (number + 1)
        wanted += [start] if path.endswith(".so") else []
        for at, kind in enumerate(kinds):
            place = start + at * 0x1000
            lines.append(f"{place:x}-{place + 0x1000:x} {kind} {at * 0x1000:08x} 08:01 77 {path}")
    monkeypatch.setattr(zeroed_data.os, "pread", pread)
    every = list(regions._regions(lines))
    assert data_without_file(every, [], Taken()) == (0, 0)
    assert read == wanted


def test_reports_in_files_take_a_twentieth_of_the_time_at_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test sets the clock. A forked process makes its own report."""
    now, made = [100.0], []

    def measured(samples: object) -> ResidentMemory:
        made.append(samples)
        now[0] += 0.25
        return SOME

    monkeypatch.setattr(resident_memory, "measure", measured)
    monkeypatch.setattr(snapshots, "_lately", [])
    monkeypatch.setattr(snapshots, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def saved() -> HeapSnapshot:
        snapshot = NaiveHeap({1: (python_frame("a", 1, "a.py"),)}).snapshot()
        del vars(snapshot)["_resident"]
        str(snapshot)
        return snapshot

    saved()
    for after in (0.0, 4.9):
        now[0] = 100.25 + after
        saved()
    assert len(made) == 1
    assert saved().resident is SOME  # the report is requested now
    assert len(made) == 2
    now[0] = 100.25 + 5.1
    saved()
    assert len(made) == 3
    monkeypatch.setattr(snapshots.os, "getpid", lambda: -1)
    saved()
    assert len(made) == 4


@pytest.mark.parametrize("error", [MemoryError, None])
def test_a_snapshot_is_saved_where_nothing_can_be_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: type[Exception] | None
) -> None:
    def measured(samples: object) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(resident_memory, "measure", measured)
    monkeypatch.setattr(snapshots, "_lately", [])
    snapshot = NaiveHeap({1: (python_frame("a", 1, "a.py"),)}).snapshot()
    del vars(snapshot)["_resident"]
    snapshot.save(tmp_path / "x.pb.gz")
    assert residency_of(read_profile(str(tmp_path / "x.pb.gz"))) is None
    assert "in memory" not in str(snapshot)
    assert str(snapshot).startswith("heap: ")


def test_where_the_kernel_does_not_tell_nothing_is_known(child: Child, burners: dict[str, str]) -> None:
    assert child.run(specimen("resident_memory/no_descriptors"), environment=burners).split() == ["None", "0"]


# ---- In files


def test_a_file_tells_what_was_measured() -> None:
    read = residency_of(profile_with(SOME))
    assert read is not None
    expected = {**SOME.document(), "unclaimed": [
        {"name": "anonymous, rwxp", "bytes": 2 * MIB}, {"name": "[anon:a\\x3b b]", "bytes": MIB},
    ]}  # fmt: skip
    assert read.memory.document() == expected
    assert (read.measured, read.missing) == (1, 0)
    below = memory_of({"mapped": 9}, rss=2)
    assert residency_of(profile_with(below)) == Residency(below)
    assert below.unexplained_bytes == -7


def test_a_file_without_it_tells_nothing() -> None:
    assert residency_of(profile_with(None)) is None
    assert comments(None) == {}
    go = read_profile(str(PROFILES / "go-heap.pb.gz"))
    assert residency_of(go) is None


def test_a_peak_tells_nothing_of_what_is_in_memory_now(tmp_path: Path) -> None:
    snapshot = NaiveHeap({1: (python_frame("a", 1, "a.py"),)}).snapshot(memory=SOME)
    snapshot.peak.save(tmp_path / "peak.pb.gz")
    assert residency_of(read_profile(str(tmp_path / "peak.pb.gz"))) is None
    assert residency_of(snapshot.to_pprof()) is not None


def test_merged_files_add_up_what_can_be_added_up() -> None:
    other = memory_of(
        {"native_blocks": 10 * MIB, "thread_stacks": MIB},
        rss=12 * MIB,
        cgroup_bytes=410 * MIB,
        cgroup_limit_bytes=2048 * MIB,
        threads=2,
        malloc_heaps=1,
        unclaimed=(UnclaimedMemory("anonymous, rwxp", MIB),),
    )
    both = residency_of(merged([profile_with(SOME, 1), profile_with(other, 2), profile_with(None, 3)]))
    assert both is not None
    memory = both.memory
    assert (both.measured, both.missing) == (2, 1)
    assert {one.name: one.bytes for one in memory.parts} == {
        "malloc_free": 282 * MIB, "native_blocks": 40 * MIB, "files": 9 * MIB, "thread_stacks": MIB, "mapped": 0,
    }  # fmt: skip
    assert (memory.rss_bytes, memory.pss_bytes, memory.swap_bytes) == (332 * MIB, 323 * MIB, 3 * MIB)
    assert memory.unexplained_bytes == memory.rss_bytes - sum(one.bytes for one in memory.parts)
    assert (memory.cgroup_bytes, memory.cgroup_limit_bytes) == (410 * MIB, 2048 * MIB)
    assert (memory.returnable_bytes, memory.threads, memory.malloc_heaps) == (190 * MIB, 9, 5)
    assert memory.unclaimed[0] == UnclaimedMemory("anonymous, rwxp", 3 * MIB)


def test_a_merged_file_tells_each_sum_once() -> None:
    told = merged([profile_with(SOME, 1), profile_with(SOME, 2)]).comments
    keys = [comment.partition(": ")[0] for comment in told]
    assert len(keys) == len(set(keys))
    assert f"resident_part_files: {18 * MIB}" in told


def test_merging_what_is_merged_is_the_same_as_merging_all_at_once() -> None:
    limits = [2048 * MIB] * 3
    three = [
        memory_of({"files": n}, rss=3 * n, cgroup_bytes=n, cgroup_limit_bytes=of) for n, of in enumerate(limits, 1)
    ]
    profiles = [profile_with(one, at) for at, one in enumerate([*three, None])]
    at_once = residency_of(merged(profiles))
    step_by_step = residency_of(merged([merged(profiles[:2]), merged(profiles[2:])]))
    assert at_once == step_by_step
    assert at_once is not None
    assert (at_once.measured, at_once.missing) == (3, 1)


def test_use_of_control_groups_is_told_where_all_have_one_limit() -> None:
    def with_limit(limit: int | None) -> Residency:
        return Residency(memory_of({}, rss=1, cgroup_bytes=5, cgroup_limit_bytes=limit))

    for limits, told in (((7, 7), (5, 7)), ((7, 8), (None, None)), ((None, None), (None, None)), ((None,), (5, None))):
        found = summed(map(with_limit, limits))
        assert found is not None
        assert (found.memory.cgroup_bytes, found.memory.cgroup_limit_bytes) == told


def test_numbers_that_nobody_could_have_written_are_none() -> None:
    """Python refuses to parse a number of more than 4300 digits."""
    huge = "9" * 5000
    keys = ["profiler_bytes", "longest_rate", "evicted_stacks", "dropped_x", "pool_a_b", "peak_heap_bytes"]
    told = [f"{key}: {huge}" for key in [*keys, "resident_rss", "resident_part_files", "resident_unclaimed"]]
    profile = Profile(HEAP_TYPES, comments=(*told, f"program: 1 {huge} x", f"process: {huge} 12"))
    assert residency_of(profile) is None
    assert residency_of(profile_with(SOME).with_notes({"resident_part_files": huge})) is not None
    again = merged([profile, profile])
    assert not again.profiler_bytes
    assert not again.longest_rate


# ---- In reports


def test_the_verb_lists_every_part(tmp_path: Path, heap_with: Path) -> None:
    said = spprof("rss", heap_with)
    assert said.returncode == 0
    lines = said.stdout.split("\n")
    assert lines[0] == "in memory (RSS): 320.0 MiB; PSS 311.0 MiB; swap 3.0 MiB; control group 400.0 MiB, limit 2.0 GiB"
    assert lines[1].split()[:5] == ["282.0", "MiB", "88.1", "%", "malloc_free"]
    assert lines[2].strip().startswith("spprof.memprof.trim(), which calls malloc_trim(0), would release 190.0 MiB; ")
    assert [line.split()[4] for line in lines[3:6]] == ["native_blocks", "files", "unexplained"]
    assert lines[5].split()[:4] == ["-1.0", "MiB", "-0.3", "%"]
    assert "1.0 MiB were released with MADV_FREE" in lines[6]
    document = json.loads(spprof("rss", "--json", heap_with).stdout)
    assert document["schema"] == "spprof-rss-1"
    assert document["rss"] == sum(one["bytes"] for one in document["parts"]) + document["unexplained"]
    twice = spprof("rss", heap_with, heap_with).stdout
    assert "640.0 MiB" in twice
    assert "of 2 files" in twice
    nothing = spprof("rss", PROFILES / "go-heap.pb.gz")
    assert nothing.returncode == 1
    assert "it does not record what was in memory" in nothing.stderr


def test_tables_of_what_is_held_end_with_the_size_of_the_process(heap_with: Path) -> None:
    line = (
        "in memory (RSS): 320.0 MiB; free but kept by malloc: 282.0 MiB, of which memprof.trim() would release "
        "190.0 MiB; spprof rss lists every part"
    )
    assert line in spprof("table", heap_with).stdout.split("\n")
    assert line in spprof("table", "--by", "thread", heap_with).stdout.split("\n")
    assert line not in spprof("table", "--view", "allocated", heap_with).stdout


@pytest.fixture
def heap_with(tmp_path: Path) -> Path:
    """A file of a process whose resident memory is SOME."""
    some = {**SOME.document()}
    assert some["unexplained"] == -MIB
    snapshot = NaiveHeap({1: (python_frame("a", 1, "a.py"),)}).snapshot()
    from spprof import formats

    formats.save(profile_of(snapshot, memory=SOME), tmp_path / "some.pb.gz", "pprof")
    return tmp_path / "some.pb.gz"


def test_the_page_has_every_part_and_a_difference_has_none() -> None:
    profile = profile_of(NaiveHeap({1: (python_frame("a", 1, "a.py"),)}).snapshot(), memory=SOME)
    report = report_of(profile)
    told = [(part.name, part.amount, part.share) for part in report.memory]
    assert told == [
        ("malloc_free", "282.0 MiB", "88.1 %"),
        ("native_blocks", "30.0 MiB", "9.4 %"),
        ("files", "9.0 MiB", "2.8 %"),
        ("unexplained", "-1.0 MiB", "-0.3 %"),
    ]
    assert [bool(part.remedy) for part in report.memory] == [True, False, False, False]
    text = "320.0 MiB; free but kept by malloc: 282.0 MiB, of which memprof.trim() would release 190.0 MiB"
    assert ("in memory", text) in report.facts
    assert difference_of(profile, profile, ("a", "b")).memory == []
    assert report_of(read_profile(str(PROFILES / "go-heap.pb.gz"))).memory == []


def test_a_run_ends_with_the_size_of_the_process(child: Child, tmp_path: Path) -> None:
    program = specimen("resident_memory/workload")
    ended = child.attempt("from spprof.cli.main import main; import sys; sys.exit(main(sys.argv[1:]))",
                          "run", "-o", str(tmp_path / "x.pb.gz"), str(program))  # fmt: skip
    lines = [line for line in ended.stderr.split("\n") if line.startswith("spprof: in memory (RSS): ")]
    assert len(lines) == 1
    assert "free but kept by malloc: " in lines[0]
    assert lines[0].endswith("; spprof rss lists every part")


def test_the_size_is_told_without_what_is_little() -> None:
    little = memory_of({"malloc_free": 15 * MIB, "pymalloc_free": 20 * MIB, "files": 965 * MIB}, rss=1000 * MIB)
    (line,) = residency.lines_of(little, residency.IN_PYTHON)
    assert line == "in memory (RSS): 1000.0 MiB; snapshot.resident has every part"
    threads = memory_of({"thread_stacks": 227 * MIB, "files": 23 * MIB}, rss=250 * MIB)
    (line,) = residency.lines_of(threads, residency.IN_PYTHON)
    assert line.startswith("in memory (RSS): 250.0 MiB; thread stacks: 227.0 MiB; ")
    assert list(residency.lines_of(None, residency.IN_PYTHON)) == []
    (line,) = residency.lines_of(memory_of({"files": MIB}, rss=5 * MIB), residency.IN_PYTHON)
    assert "; unexplained: 4.0 MiB; " in line


@pytest.mark.parametrize("width", [1, 7, 80, 100])
@pytest.mark.parametrize("sizes", [{"files": 1}, {"a": 5, "b": 3, "c": 1000}, {f"p{n}": n + 1 for n in range(30)}])
def test_the_bar_has_the_width_and_every_part_its_share(width: int, sizes: dict[str, int]) -> None:
    whole = sum(sizes.values())
    drawn, *legend = bar(memory_of(sizes, rss=whole), width)
    assert len(drawn) == width
    signs = dict(word.split(" ", 1) for line in legend for word in line.split("  "))
    for sign, name in signs.items():
        if name in sizes:
            assert abs(drawn.count(sign) - width * sizes[name] / whole) <= 1
    assert bar(memory_of({}, rss=0), width) == []
