"""The contents of the files, and how they are written."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from child import Child
from naive_heap import NaiveHeap, native_frame, python_frame, random_heap
from spprof import __version__, formats
from spprof.formats import atomic_file

MAIN = python_frame("main", 90, "/srv/app/main.py")
LOAD = python_frame("load", 12, "/srv/app/data/load.py")
PARSE = python_frame("parse", 40, "parse.py")

STACKS = {
    1: (LOAD, MAIN),
    2: (PARSE, LOAD, MAIN),
    3: (LOAD, MAIN),  # looks the same as 1
    4: (native_frame("<native>"),),
    5: (PARSE, native_frame("<cut>")),
}


@pytest.fixture
def heap() -> NaiveHeap:
    return random_heap(5, STACKS)


def speedscope(heap: NaiveHeap, folder: Path) -> dict[str, Any]:
    path = folder / "profile.json"
    heap.snapshot().save(path)
    return json.loads(path.read_bytes())


def weights_by_stack(document: dict[str, Any], which: int) -> dict[tuple[str, ...], int]:
    """Return the weights by the names of the frames, root first. Raise AssertionError if a stack occurs twice."""
    names = [frame["name"] for frame in document["shared"]["frames"]]
    profile = document["profiles"][which]
    stacks = [tuple(names[index] for index in sample) for sample in profile["samples"]]
    assert len(set(stacks)) == len(stacks)
    return dict(zip(stacks, profile["weights"]))


# ---- speedscope


def test_speedscope_has_what_the_schema_requires(heap: NaiveHeap, tmp_path: Path):
    document = speedscope(heap, tmp_path)
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert document["exporter"] == f"spprof {__version__}"
    assert document["activeProfileIndex"] == 0
    assert [(profile["name"], profile["unit"]) for profile in document["profiles"]] == [
        ("in use: bytes", "bytes"),
        ("in use: objects", "none"),
        ("allocated: bytes", "bytes"),
        ("allocated: objects", "none"),
        ("at the peak: bytes", "bytes"),
        ("at the peak: objects", "none"),
    ]
    frames = document["shared"]["frames"]
    for profile in document["profiles"]:
        assert {*profile} == {"type", "name", "unit", "startValue", "endValue", "samples", "weights"}
        assert profile["type"] == "sampled"
        assert len(profile["samples"]) == len(profile["weights"]) > 0
        assert all(type(weight) is int and weight > 0 for weight in profile["weights"])
        assert (profile["startValue"], profile["endValue"]) == (0, sum(profile["weights"]))
        assert all(0 <= index < len(frames) for sample in profile["samples"] for index in sample)


def test_speedscope_frames_have_file_and_line_where_there_are_any(heap: NaiveHeap, tmp_path: Path):
    frames = speedscope(heap, tmp_path)["shared"]["frames"]
    assert sorted(frames, key=lambda frame: frame["name"]) == [
        {"name": "<cut>"},
        {"name": "<native>"},
        {"name": "load", "file": "/srv/app/data/load.py", "line": 12},
        {"name": "main", "file": "/srv/app/main.py", "line": 90},
        {"name": "parse", "file": "parse.py", "line": 40},
    ]


def test_speedscope_weighs_equal_stacks_together_root_first(heap: NaiveHeap, tmp_path: Path):
    document = speedscope(heap, tmp_path)
    expected: list[dict[tuple[str, ...], float]] = [{}, {}, {}, {}]
    for block in heap.blocks:
        names = tuple(frame.function for frame in reversed(STACKS[block.stack_id]))
        for which, value in ((0, block.weight), (1, 1 / block.probability)):
            expected[2 + which][names] = expected[2 + which].get(names, 0.0) + value
            if block.live:
                expected[which][names] = expected[which].get(names, 0.0) + value
    assert {("main", "load"), ("main", "load", "parse"), ("<native>",), ("<cut>", "parse")} == {*expected[0]}
    for which in range(4):
        assert weights_by_stack(document, which) == pytest.approx(expected[which], abs=1)


def test_what_was_allocated_before_a_block_is_left_out_of_its_totals(tmp_path: Path):
    heap = NaiveHeap(STACKS)
    heap.add(1000, 0, 1)
    heap.add(700, 0, 2)
    before = tuple(heap.sites())
    heap.add(30, 0, 1).live = False
    path = tmp_path / "profile.json"
    for block in heap.blocks[:2]:
        block.live = False
    heap.snapshot(before=before).save(path)
    document = json.loads(path.read_bytes())
    assert weights_by_stack(document, 2) == {("main", "load"): 30}
    assert weights_by_stack(document, 3) == {("main", "load"): 1}
    assert weights_by_stack(document, 0) == {}


def test_speedscope_of_an_empty_snapshot_is_still_a_document(tmp_path: Path):
    document = speedscope(NaiveHeap({}), tmp_path)
    assert [(profile["samples"], profile["endValue"]) for profile in document["profiles"]] == [([], 0)] * 6


def test_names_that_no_encoding_holds_are_escaped(tmp_path: Path):
    heap = NaiveHeap({1: (python_frame("bad\udcff\n", 1, "caf\u00e9.py"),)})
    heap.add(10, 0, 1)
    frame = speedscope(heap, tmp_path)["shared"]["frames"][0]
    assert (frame["name"], frame["file"]) == (r"bad\xff\n", "caf\u00e9.py")


# ---- collapsed


def test_collapsed_is_one_sorted_line_for_each_stack(tmp_path: Path):
    heap = NaiveHeap(STACKS)
    for stack_id, size in ((1, 10), (2, 200), (3, 5), (4, 7), (5, 3)):
        heap.add(size, 0, stack_id)
    heap.add(99, 0, 2).live = False
    path = tmp_path / "stacks.txt"
    heap.snapshot().save(path)
    assert path.read_text() == (
        "<cut>;parse (parse.py:40) 3\n"
        "<native> 7\n"
        "main (app/main.py:90);load (data/load.py:12) 15\n"
        "main (app/main.py:90);load (data/load.py:12);parse (parse.py:40) 200\n"
    )


def test_collapsed_lines_are_in_the_order_of_their_text(tmp_path: Path):
    heap = NaiveHeap({line: (python_frame("f", line, "f.py"),) for line in (9, 10)})
    heap.add(1, 0, 9)
    heap.add(2, 0, 10)
    path = tmp_path / "stacks.txt"
    heap.snapshot().save(path)
    assert path.read_text() == "f (f.py:10) 2\nf (f.py:9) 1\n"


def test_collapsed_frames_without_a_line_have_none(tmp_path: Path):
    heap = NaiveHeap({1: (native_frame("xor_block", file="/usr/lib/libcrypt.so"), MAIN)})
    heap.add(42, 0, 1)
    path = tmp_path / "stacks.txt"
    heap.snapshot().save(path)
    assert path.read_text() == "main (app/main.py:90);xor_block (lib/libcrypt.so) 42\n"


def test_collapsed_lines_survive_every_name(tmp_path: Path):
    evil = "a;b\nc\rd\x00e\u2028f\x85g 7 \udc80h\t\u00e9"
    heap = NaiveHeap({1: (python_frame(evil, 3, "/x;y/evil\nfile.py"), MAIN)})
    heap.add(42, 0, 1)
    path = tmp_path / "stacks.collapsed"
    heap.snapshot().save(path)
    text = path.read_bytes().decode("utf-8")
    (line,) = text.splitlines()
    stack, _, weight = line.rpartition(" ")
    assert weight == "42"
    root, leaf = stack.split(";")
    assert root == "main (app/main.py:90)"
    assert leaf == r"a\x3bb\nc\rd\x00e\u2028f\u0085g 7 \x80h\t" + "\u00e9" + r" (x\x3by/evil\nfile.py:3)"


def test_the_same_snapshot_is_written_the_same(heap: NaiveHeap, tmp_path: Path):
    for suffix in formats.SUFFIXES:
        heap.snapshot().save(tmp_path / f"one{suffix}")
        heap.snapshot().save(tmp_path / f"two{suffix}")
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


# ---- Formats


@pytest.mark.parametrize(
    ("name", "format", "is_json"),
    [
        ("a.json", None, True),
        ("a.JSON", None, True),
        ("a.collapsed", None, False),
        ("a.txt", None, False),
        ("a.txt", "speedscope", True),
        ("a.json", "collapsed", False),
        ("a", "speedscope", True),
    ],
)
def test_the_format_is_what_was_asked_for_or_else_the_suffix(
    heap: NaiveHeap, tmp_path: Path, name: str, format: str | None, is_json: bool
):
    heap.snapshot().save(tmp_path / name, format=format)
    assert (tmp_path / name).read_bytes().startswith(b'{"$schema"') is is_json


@pytest.mark.parametrize(
    ("name", "format", "message"),
    [
        ("a.json", "svg", "unknown format 'svg'.*'pprof', 'speedscope', 'collapsed', 'html'"),
        ("a.json", "", "unknown format ''.*'speedscope', 'collapsed'"),
        (
            "a",
            None,
            r"'.*/a' does not name a known format.*'speedscope', 'collapsed'.*"
            r"\.pb\.gz, \.json, \.collapsed, \.txt, \.html",
        ),
    ],
)
def test_an_unknown_format_names_the_known_ones(
    heap: NaiveHeap, tmp_path: Path, name: str, format: str | None, message: str
):
    with pytest.raises(ValueError, match=message):
        heap.snapshot().save(tmp_path / name, format=format)
    assert [*tmp_path.iterdir()] == []


def test_a_path_may_be_text_bytes_or_path_like(heap: NaiveHeap, tmp_path: Path):
    for number, path in enumerate((str(tmp_path / "0.txt"), os.fsencode(tmp_path / "1.txt"), tmp_path / "2.txt")):
        heap.snapshot().save(path)
        assert (tmp_path / f"{number}.txt").stat().st_size > 0
    with pytest.raises(TypeError):
        heap.snapshot().save(7)  # type: ignore[arg-type]


# ---- The file


def broken(error: BaseException) -> Iterator[bytes]:
    yield b"half a "
    raise error


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_its_owners_only_whatever_the_umask_and_its_former_mode(tmp_path: Path):
    path = tmp_path / "file"
    old = os.umask(0)
    try:
        atomic_file.write_file(str(path), [b"one"])
        assert mode(path) == 0o600
        path.chmod(0o644)
        atomic_file.write_file(str(path), [b"two", b"three"])
    finally:
        os.umask(old)
    assert (path.read_bytes(), mode(path)) == (b"twothree", 0o600)


def test_a_relative_path_stands_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    atomic_file.write_file("file", [b"one"])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "error", [RuntimeError("no more"), OSError(28, "No space left on device"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("existing", [True, False])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path, error: BaseException, existing: bool):
    path = tmp_path / "file"
    if existing:
        path.write_bytes(b"good")
    with pytest.raises(type(error)):
        atomic_file.write_file(str(path), broken(error))
    assert [(left.name, left.read_bytes()) for left in tmp_path.iterdir()] == [("file", b"good")] * existing


def test_a_failing_rename_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def replace(_source: str, _target: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    path = tmp_path / "file"
    path.write_bytes(b"good")
    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(PermissionError, match="folder that this user may write to"):
        atomic_file.write_file(str(path), [b"new"])
    assert [(left.name, left.read_bytes()) for left in tmp_path.iterdir()] == [("file", b"good")]


def test_the_data_is_on_the_disk_before_the_name_points_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "file"
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        steps.append("folder" if stat.S_ISDIR(status.st_mode) else f"file of {status.st_size}")
        real_fsync(descriptor)

    def replace(source: str, target: str) -> None:
        steps.append("rename")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    atomic_file.write_file(str(path), [b"12345"])
    assert steps == ["file of 5", "rename", "folder"]


def test_the_aside_name_is_new_and_never_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    victim = tmp_path / "victim"
    victim.write_bytes(b"keep")
    monkeypatch.setattr(os, "urandom", lambda count: b"\xab" * count)
    trap = tmp_path / f".file.{'ab' * 8}"
    trap.symlink_to(victim)
    with pytest.raises(FileExistsError):
        atomic_file.write_file(str(tmp_path / "file"), [b"new"])
    assert victim.read_bytes() == b"keep"
    assert trap.is_symlink()


def test_a_symbolic_link_is_replaced_and_its_target_kept(tmp_path: Path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"keep")
    link = tmp_path / "link"
    link.symlink_to(victim)
    atomic_file.write_file(str(link), [b"new"])
    assert (victim.read_bytes(), link.read_bytes(), link.is_symlink()) == (b"keep", b"new", False)


def test_a_name_as_long_as_the_file_system_allows_is_written(tmp_path: Path):
    path = tmp_path / ("x" * 250 + ".json")
    atomic_file.write_file(str(path), [b"new"])
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("name", "error", "remedy"),
    [
        ("missing/file", FileNotFoundError, "create the folder first"),
        ("folder", IsADirectoryError, "add a file name"),
        ("plain/file", NotADirectoryError, "a part of the path is not a folder"),
    ],
)
def test_an_error_names_the_path_and_the_remedy(tmp_path: Path, name: str, error: type[OSError], remedy: str):
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_bytes(b"")
    path = str(tmp_path / name)
    with pytest.raises(error, match=remedy) as caught:
        atomic_file.write_file(path, [b"new"])
    assert caught.value.filename == path
    assert path in str(caught.value)
    assert sorted(left.name for left in tmp_path.iterdir()) == ["folder", "plain"]


def test_a_fifo_is_written_directly_and_stays_one(heap: NaiveHeap, tmp_path: Path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()), daemon=True)
    reader.start()
    heap.snapshot().save(path, format="collapsed")
    reader.join()
    heap.snapshot().save(tmp_path / "file.txt")
    assert read == [(tmp_path / "file.txt").read_bytes()]
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_full_device_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(os, "replace")  # if there is a bug, this fails instead of replacing the system's device
    with pytest.raises(OSError, match="free some space") as caught:
        atomic_file.write_file("/dev/full", [b"new"])
    assert caught.value.filename == "/dev/full"


@pytest.mark.parametrize("target", ["/proc/self/fd/1", "/dev/fd/1"])
def test_an_open_file_is_written_directly_even_where_it_is_a_regular_one(child: Child, tmp_path: Path, target: str):
    """The targets are under /proc, where nothing can be renamed: if there is a bug, the test fails instead of replacing
    a system link.
    """
    child.run(f"""
        import os
        from spprof.formats.atomic_file import write_file
        held = os.open("held", os.O_WRONLY | os.O_CREAT)
        os.dup2(held, 1)
        os.write(1, b"before ")
        write_file({target!r}, [b"after"])
        """)
    assert (tmp_path / "held").read_bytes() == b"before after"


@pytest.mark.parametrize("link", ["/dev/stdout", "/dev/stderr"])
def test_the_links_to_the_standard_streams_are_never_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, link: str
):
    """Only the decision is tested, for a regular file, as with redirected output, because the link belongs to the
    system.
    """
    regular = os.stat(__file__)
    monkeypatch.setattr(os, "stat", lambda *_arguments, **_keywords: regular)
    assert atomic_file.is_written_directly(link)
    assert not atomic_file.is_written_directly(str(tmp_path / "stdout"))
