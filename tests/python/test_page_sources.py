"""Which source lines the page contains. Reading them never fails and never reveals other files."""

from __future__ import annotations

import linecache
import os
import time
from pathlib import Path

import pytest
from child import Child, Spender
from naive_heap import python_frame
from report_reader import read_page
from spprof.pprof.profile import HEAP_TYPES, Location, Profile, Sample
from spprof.report import sources
from spprof.report.build import difference_of, report_of
from spprof.report.model import Report
from test_cli_reports import printed

MIB = 1 << 20
LINES = [f"line_{number} = {number}" for number in range(1, 21)]


@pytest.fixture(autouse=True)
def imported_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that the program was loaded after the test had written its files."""
    monkeypatch.setattr(sources, "IMPORTED_NS", time.time_ns() + 10**15)


def profile(*sites: tuple[str, int], time_ns: int = 0, blocks: int = 4) -> Profile:
    """One site each, largest first; taken long after all files were written, unless a time is given."""
    locations = [Location((python_frame(f"f{at}", line, file),), -1, 0) for at, (file, line) in enumerate(sites)]
    counts = range(blocks + len(sites), blocks, -1)
    samples = [Sample((at,), (count, count * MIB, count, count * MIB)) for at, count in enumerate(counts)]
    return Profile(
        HEAP_TYPES, locations, samples, default_type="inuse_space", period=1, time_ns=time_ns or time.time_ns() + 10**15
    )


def shown(report: Report) -> dict[str, tuple[int, list[str]]]:
    """Return the source lines shown for each site's function."""
    return {report.places[place].function: (first, lines) for place, first, lines in report.excerpts}


def written(folder: Path, content: str | bytes, name: str = "a.py") -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_three_lines_on_each_side_of_a_site_are_there(tmp_path: Path):
    file = written(tmp_path, "\n".join(LINES))
    found = shown(report_of(profile((file, 10), (file, 1), (file, 20))))
    assert found == {"f0": (7, LINES[6:13]), "f1": (1, LINES[:4]), "f2": (17, LINES[16:])}


@pytest.mark.parametrize("line", [0, -3, 21, 10**9])
def test_a_line_that_the_file_does_not_have_shows_nothing(tmp_path: Path, line: int):
    assert shown(report_of(profile((written(tmp_path, "\n".join(LINES)), line)))) == {}


def test_a_file_changed_after_the_profile_shows_nothing(tmp_path: Path):
    file = written(tmp_path, "\n".join(LINES))
    changed = os.stat(file).st_ctime_ns
    assert shown(report_of(profile((file, 10), time_ns=changed))) != {}
    assert shown(report_of(profile((file, 10), time_ns=changed - 1))) == {}


def test_a_file_put_in_the_place_of_an_older_one_shows_nothing(tmp_path: Path):
    """The new file's modification time is old, like that of a file from an unpacked package."""
    file = written(tmp_path, "\n".join(LINES))
    taken = os.stat(file).st_ctime_ns
    other = written(tmp_path, "other\n" * 20, "b.py")
    os.utime(other, ns=(1, 1))
    os.replace(other, file)
    assert os.stat(file).st_mtime_ns < taken
    assert shown(report_of(profile((file, 10), time_ns=taken - 1))) == {}


def test_a_file_changed_after_this_program_was_loaded_shows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = written(tmp_path, "\n".join(LINES))
    monkeypatch.setattr(sources, "IMPORTED_NS", os.stat(file).st_ctime_ns - 1)
    assert shown(report_of(profile((file, 10)))) == {}


def test_a_profile_of_no_known_time_shows_nothing(tmp_path: Path):
    file = written(tmp_path, "\n".join(LINES))
    without = profile((file, 10))
    without.time_ns = 0
    assert shown(report_of(without)) == {}


def test_only_regular_files_of_python_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A profile may come from anyone, and name any file."""
    secret = written(tmp_path, "secret\n" * 20, "id_rsa")
    os.mkfifo(tmp_path / "fifo.py")
    (tmp_path / "folder.py").mkdir()
    os.symlink("/dev/zero", tmp_path / "device.py")
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "\n".join(LINES), "relative.py")
    names = [secret, "/etc/passwd", "/dev/zero", "", "relative.py", "<string>", "/no/such.py", "/a\0b.py", "\udcff.py"]
    names += [str(tmp_path / name) for name in ("fifo.py", "folder.py", "device.py")]
    assert shown(report_of(profile(*((name, 2) for name in names)))) == {}


def test_what_raises_while_it_is_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = written(tmp_path, "\n".join(LINES))

    def fails(*_: object) -> int:
        raise MemoryError

    monkeypatch.setattr(sources.os, "read", fails)
    assert shown(report_of(profile((file, 10)))) == {}
    assert os.listdir("/proc/self/fd")


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"\xef\xbb\xbfa = '\xc3\xa9'\r\nb = 2\rc = 3\n", ["a = 'é'", "b = 2", "c = 3"]),
        (b"# -*- coding: latin-1 -*-\na = '\xe9'\n", ["# -*- coding: latin-1 -*-", "a = 'é'"]),
        (b"#!x\n# vim: set fileencoding=cp1251 :\n\xe0\n", ["#!x", "# vim: set fileencoding=cp1251 :", "\u0430"]),
        (b"# coding: nonsense\nx\n", None),
        (b"a = '\xff'\n", ["a = '\ufffd'"]),
        (b"\n\n    if a:\n\tb = 1\n", ["", "", "if a:", "    b = 1"]),
        ("x = '\u202e\x1b[31m\x00'\n".encode(), ["x = '\\u202e\\x1b[31m\\x00'"]),
        (b"x = '" + b"a" * 10_000 + b"'\n", ["x = '" + "a" * 155]),
        (b"x = 1\x0c\x0b\xc2\x85\xe2\x80\xa8y\n", ["x = 1\\x0c\\x0b\\u0085\\u2028y"]),
    ],
)  # fmt: skip
def test_lines_are_counted_and_read_as_python_does(tmp_path: Path, content: bytes, wanted: list[str] | None):
    found = shown(report_of(profile((written(tmp_path, content), 1))))
    assert found == ({} if wanted is None else {"f0": (1, wanted[:4])})


def test_there_are_no_more_than_two_hundred_sites_and_the_largest_come_first(tmp_path: Path):
    file = written(tmp_path, "\n".join(f"line {number}" for number in range(1, 1001)))
    report = report_of(profile(*((file, line) for line in range(1, 1001))))
    assert [report.places[one.place].line for one in report.excerpts] == list(range(1, 201))


def test_their_size_has_a_bound(tmp_path: Path):
    wide = "é" * 300
    file = written(tmp_path, "\n".join([wide] * 1000))
    report = report_of(profile(*((file, line) for line in range(1, 1001))))
    size = sum(len(line.encode()) for one in report.excerpts for line in one.lines)
    assert sources.BYTES_MOST - 7 * 320 < size <= sources.BYTES_MOST
    assert all(len(line) == 160 for one in report.excerpts for line in one.lines)


def test_large_files_are_not_read(tmp_path: Path):
    file = written(tmp_path, b"\n" * ((4 << 20) + 1))
    assert shown(report_of(profile((file, 10)))) == {}


def test_cells_of_a_notebook_are_those_that_linecache_keeps(monkeypatch: pytest.MonkeyPatch):
    cell = "/tmp/ipykernel_1/2.py"
    monkeypatch.setitem(linecache.cache, cell, (9, None, ["a = 1\n", "b = [0] * 9\n"], cell))
    lazy = "/tmp/ipykernel_1/3.py"
    monkeypatch.setitem(linecache.cache, lazy, (lambda: "x",))  # type: ignore[arg-type]
    assert shown(report_of(profile((cell, 2), (lazy, 1)))) == {"f0": (1, ["a = 1", "b = [0] * 9"])}


def test_lines_that_linecache_keeps_of_a_file_are_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = written(tmp_path, "\n".join(LINES))
    monkeypatch.setitem(linecache.cache, file, (9, 1.5, ["old\n"] * 20, file))
    assert shown(report_of(profile((file, 1)))) == {"f0": (1, LINES[:4])}


def test_what_holds_most_comes_before_the_programs_other_lines(tmp_path: Path):
    """Two library sites are called through three hundred frames of the program itself."""
    file, library = written(tmp_path, "x\n" * 400), written(tmp_path, "y\n" * 400, "site.py")
    installed = tmp_path / "site-packages" / "other"
    installed.mkdir(parents=True)
    os.replace(library, installed / "site.py")
    found = profile(*((file, line) for line in range(1, 301)), (str(installed / "site.py"), 7))
    found.samples = [Sample((300, *range(300)), (1, MIB, 1, MIB))]
    report = report_of(found)
    first = [report.places[one.place] for one in report.excerpts[:2]]
    assert [(place.is_library, place.line) for place in first] == [(True, 7), (False, 1)]
    assert len(report.excerpts) == 200


def test_a_difference_has_lines_unchanged_since_the_older_one(tmp_path: Path):
    file = written(tmp_path, "\n".join(LINES))
    changed = os.stat(file).st_ctime_ns
    old, new = profile((file, 10), time_ns=changed), profile((file, 10), blocks=9)
    assert shown(difference_of(old, new, ["a", "b"])) != {}
    old.time_ns -= 1
    assert shown(difference_of(old, new, ["a", "b"])) == {}


# ---- As users request it

PROGRAM = """\
from spprof import memprof
memprof.start(0)
kept = [bytearray(1000) for _ in range(50)]  # the line
snapshot = memprof.get_snapshot()
snapshot.save("with.html")
snapshot.save("without.html", source=False)
snapshot.peak.save("peak.html", source=False)
snapshot.save("heap.pb.gz")
"""


def lines_of(path: Path) -> list[str]:
    return [line for _, _, text in read_page(path).header["sources"] for line in text.split("\n")]


def test_a_page_has_its_programs_lines_unless_told_not_to(child: Child, tmp_path: Path):
    child.run(PROGRAM)
    line = PROGRAM.splitlines()[2]
    assert line in lines_of(tmp_path / "with.html")
    for name in ("without", "peak"):
        assert lines_of(tmp_path / f"{name}.html") == []
    commands = {
        "flamegraph": ("flamegraph", tmp_path / "heap.pb.gz", "-o"),
        "convert": ("convert", tmp_path / "heap.pb.gz", "-o"),
        "diff": ("diff", tmp_path / "heap.pb.gz", tmp_path / "heap.pb.gz", "--html"),
    }
    for name, words in commands.items():
        printed(*words, tmp_path / f"{name}.html")
        assert line in lines_of(tmp_path / f"{name}.html")
        printed(*words, tmp_path / f"{name}-without.html", "--no-source")
        assert lines_of(tmp_path / f"{name}-without.html") == []
    child.script.write_text(PROGRAM.replace("the line", "another"))
    printed(*commands["flamegraph"], tmp_path / "later.html")
    assert not [one for one in lines_of(tmp_path / "later.html") if "line" in one or "another" in one]


def test_a_page_of_cpu_time_has_lines_unless_told_not_to(spender: Spender, tmp_path: Path):
    spender.run(
        "spprof.start(interval_ms=1)\nspend(0.2)\nprofile = spprof.stop()\n"
        "profile.save('with.html')\nprofile.save('without.html', source=False)\n"
    )
    assert "spend(0.2)" in lines_of(tmp_path / "with.html")
    assert lines_of(tmp_path / "without.html") == []


def test_source_lines_import_nothing(child: Child):
    told = child.run(
        """
        import sys
        from spprof import memprof
        memprof.start(0)
        kept = [bytearray(9)]
        snapshot, before = memprof.get_snapshot(), set(sys.modules)
        snapshot.save("x.html")
        print(sorted(set(sys.modules) - before))
        """
    )
    assert told == "[]\n"
