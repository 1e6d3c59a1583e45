"""Saving to unusual targets: unusual names, folders, users, and existing files. test_formats.py tests the contents."""

from __future__ import annotations

import errno
import io
import json
import os
import stat
import threading
from pathlib import Path

import pytest
from child import Child
from naive_cpu import random_cpu
from naive_heap import NaiveHeap, python_frame, random_heap
from specimens import specimen

ODD_NAMES = [
    "with spaces.json",
    "; rm -rf something; .json",
    "$(touch injected) `touch injected` .json",
    "line\nbreak.json",
    "<script>alert(1)<!--.json",
    "-rf.json",
    "..json",
    "%s%n.json",
    "日本語 é.json",
    "\udcff not utf-8.json",
    "x" * 250 + ".json",
]


def heap_of(*names: str) -> NaiveHeap:
    return random_heap(3, {1 + number: (python_frame(name, 7, name),) for number, name in enumerate(names)}, blocks=50)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_file_of_any_name_is_written_under_that_name_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.chdir(tmp_path)
    for target in (tmp_path / name, Path(name)):
        heap_of("function").snapshot().save(target)
        assert os.listdir(tmp_path) == [name]
        json.loads((tmp_path / name).read_bytes())


@pytest.mark.parametrize("name", [*ODD_NAMES, "</script><script>alert(1)"])
def test_functions_and_files_of_any_name_come_back_in_one_line(tmp_path: Path, name: str):
    """Line ends and undecodable characters become escapes; everything else is unchanged."""
    heap_of(name).snapshot().save(tmp_path / "file.json")
    frames = json.loads((tmp_path / "file.json").read_bytes())["shared"]["frames"]
    expected = name.replace("\n", "\\n").replace("\udcff", "\\xff")
    assert {(frame["name"], frame["file"]) for frame in frames} == {(expected, expected)}
    heap_of(name).snapshot().save(tmp_path / "file.collapsed")
    assert len((tmp_path / "file.collapsed").read_bytes().splitlines()) == 1


def test_a_link_that_leads_nowhere_or_to_itself_is_replaced(tmp_path: Path):
    for name, target in (("nowhere.json", "missing/file"), ("itself.json", "itself.json")):
        link = tmp_path / name
        link.symlink_to(target)
        if name == "itself.json":
            with pytest.raises(OSError, match="cannot write the snapshot") as caught:
                heap_of("function").snapshot().save(link)
            assert caught.value.errno == errno.ELOOP
            assert link.is_symlink()
        else:
            heap_of("function").snapshot().save(link)
            assert not link.is_symlink()
            assert stat.S_IMODE(link.stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["itself.json", "nowhere.json"]


def test_a_folder_may_be_reached_by_a_link(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    heap_of("function").snapshot().save(tmp_path / "link" / "inner.json")
    assert (tmp_path / "link").is_symlink()
    assert os.listdir(tmp_path / "folder") == ["inner.json"]


def test_a_second_name_of_the_file_that_was_there_keeps_its_content(tmp_path: Path):
    (tmp_path / "victim").write_bytes(b"keep")
    os.link(tmp_path / "victim", tmp_path / "file.json")
    heap_of("function").snapshot().save(tmp_path / "file.json")
    assert (tmp_path / "victim").read_bytes() == b"keep"


def test_a_fifo_whose_reader_goes_away_is_an_error(tmp_path: Path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    names = [f"function_{number}_{'x' * 1000}" for number in range(500)]  # more than a pipe holds

    def read_a_little() -> None:
        descriptor = os.open(path, os.O_RDONLY)
        os.read(descriptor, 10)
        os.close(descriptor)

    reader = threading.Thread(target=read_a_little)
    reader.start()
    with pytest.raises(BrokenPipeError):
        random_heap(3, {1 + i: (python_frame(name),) for i, name in enumerate(names)}, blocks=2000).snapshot().save(
            path, format="collapsed"
        )
    reader.join()
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_an_unwritable_folder_is_an_error_and_stays_as_it_is(child: Child):
    child.run(specimen("saving/unwritable"))


@pytest.mark.parametrize("format", ["pprof", "speedscope", "collapsed", "html", None])
def test_a_file_object_takes_what_a_file_would_have(tmp_path: Path, format: str | None):
    for saved in (heap_of("f").snapshot(), heap_of("f").snapshot().peak, random_cpu(3, heap_of("f").stacks).profile()):
        written, path = io.BytesIO(), tmp_path / "x"
        saved.save(written, format)
        saved.save(path, format or "pprof")
        assert written.getvalue() == path.read_bytes()


def test_what_is_neither_path_nor_file_is_refused():
    with pytest.raises(TypeError, match="a path or a binary file object, not int"):
        heap_of("f").snapshot().save(1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown format 'x'"):
        heap_of("f").snapshot().save(io.BytesIO(), "x")


def test_what_a_file_object_raises_is_raised():
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "no room")

    with pytest.raises(OSError, match="no room"):
        heap_of("f").snapshot().save(Full())
