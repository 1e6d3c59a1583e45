"""memprof.record() and run --keep: a series of snapshots, written while the program runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from child import Child
from specimens import specimen
from spprof.analysis.moments import profile_at
from spprof.heap import changes
from spprof.pprof.file import read_profile
from spprof.pprof.profile import AGE, Profile
from spprof.pprof.series import Series
from spprof.pprof.series_folder import read_folder
from spprof.pprof.series_names import WHOLE_SUFFIX
from spprof.pprof.series_stamp import WHOLE, stamp_of
from test_cli_reports import spprof

Frames = tuple[tuple[str, str, int], ...]


def the_series(folder: Path) -> Series:
    found = read_folder(str(folder))
    assert (len(found.series), found.all_left_out) == (1, [])
    return found.series[0]


# ---- What is written


def sums(profile: Profile, column: str, only: str = "") -> Counter[Frames]:
    """Return the sums for each stack with a function whose name starts with ``only``. By default, all stacks are
    included. Allocations on a module's own lines may happen between two snapshots.
    """
    found: Counter[Frames] = Counter()
    place = [one.type for one in profile.sample_types].index(column)
    for sample in profile.samples:
        frames = tuple((one.function, one.file, one.line) for one in profile.frames(sample.stack) if one.is_python)
        if any(function.startswith(only) for function, _, _ in frames):
            found[frames] += sample.values[place]
    return found


def labels_of_live(profile: Profile, only: str) -> set[object]:
    """Return the live stacks with their labels, except ages, for functions whose names start with ``only``."""
    place = [one.type for one in profile.sample_types].index("inuse_objects")
    found: set[object] = set()
    for sample in profile.samples:
        frames = tuple((one.function, one.line) for one in profile.frames(sample.stack) if one.is_python)
        if any(function.startswith(only) for function, _ in frames) and sample.values[place]:
            found.add((frames, tuple(label for label in sample.labels if label.key not in (AGE, "resident"))))
    return found


@pytest.mark.parametrize("seed", range(2))
def test_each_moment_is_what_a_plain_snapshot_says(child: Child, tmp_path: Path, seed: int) -> None:
    child.run(specimen("series/random_changes"), str(tmp_path), "25", "64", str(seed), "60")
    plain = [tmp_path / f"plain-{number}.pb.gz" for number in range(25)]
    expected = [read_profile(str(path)) for path in plain]
    for path in plain:
        path.unlink()
    series = the_series(tmp_path)
    states = list(series.states())
    assert [state.entry.number for state in states] == list(range(25))
    assert len({state.entry.reference for state in states}) > 8
    for state, one in zip(states, expected):
        found = profile_at(series, state)
        assert found.sample_types == one.sample_types
        for column in ("alloc_space", "inuse_space", "inuse_objects", "peak_space"):
            theirs, ours = sums(one, column, "site_"), sums(found, column, "site_")
            assert set(+theirs) == set(+ours), column
            rows = len(found.samples)
            assert all(abs(theirs[stack] - ours[stack]) <= rows for stack in theirs), column
            assert abs(sum(theirs.values()) - sum(ours.values())) <= rows
        assert labels_of_live(one, "site_") == labels_of_live(found, "site_") != set()


def files_after(child: Child, folder: Path, *numbers: int) -> list[list[str]]:
    said = child.run(specimen("series/numbers"), str(folder), *map(str, numbers))
    return [json.loads(line) for line in said.splitlines()]


def number_of(name: str) -> int:
    return int(name.split(".")[2])


def test_every_second_one_goes_when_there_are_as_many_as_wanted(child: Child, tmp_path: Path) -> None:
    spacing = 1
    for latest, names in enumerate(files_after(child, tmp_path, 100, 8)):
        numbers = [number_of(name) for name in names]
        if len({*range(0, latest + 1, spacing), latest}) > 8:
            spacing *= 2
        assert numbers == sorted({*range(0, latest + 1, spacing), latest}), latest
        assert len(numbers) <= 8
    assert spacing == 16
    series = the_series(tmp_path)
    assert [entry.number for entry in series.entries] == [0, 16, 32, 48, 64, 80, 96, 99]


def test_no_file_builds_on_one_that_is_gone(child: Child, tmp_path: Path) -> None:
    """Half of the files are removed each time the limit is reached, and some files could not be written."""
    failing = [3, 4, 5, 16, 32, 33, 34, 64]
    names = files_after(child, tmp_path, 100, 10, *failing)
    assert not {number_of(name) for name in names[-1]} & set(failing)
    series = the_series(tmp_path)
    assert len(series.entries) == len(names[-1])
    assert series.entries[-1].number == 99
    assert len(list(series.states())) == len(series.entries)
    last = series.latest()
    assert last is not None
    assert last.header.note("unwritten") == str(len(failing))


def test_where_the_first_cannot_be_written_the_next_is_whole(child: Child, tmp_path: Path) -> None:
    *_, names = files_after(child, tmp_path, 4, 10, 0)
    kinds = [(number_of(name), name.endswith(WHOLE_SUFFIX)) for name in names]
    assert kinds == [(1, True), (2, True), (3, False)]
    assert len(list(the_series(tmp_path).states())) == 3


def test_each_finished_snapshot_is_readable_when_the_process_is_killed(tmp_path: Path) -> None:
    for lines in (1, 2, 9, 14, 30):
        folder = tmp_path / str(lines)
        folder.mkdir()
        words = [sys.executable, str(specimen("series/killed")), str(folder)]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(lines):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        series = the_series(folder)
        assert len(list(series.states())) == len(series.entries) >= min(lines, 6)
        assert series.entries[-1].number >= lines - 1


def test_blocks_carry_the_first_snapshot_that_saw_them(child: Child, tmp_path: Path) -> None:
    files_after(child, tmp_path, 6, 100)
    series = the_series(tmp_path)
    times = [entry.monotonic_ms for entry in series.entries]
    for count, state in enumerate(series.states(), start=1):
        seen = {
            label.number
            for rows in state.stacks.values()
            for row in rows
            for label in row.labels
            if label.key == "allocated_by" and label.number >= times[0]
        }
        assert seen == set(times[:count])


def test_what_is_gone_is_told_though_it_is_too_much_to_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later snapshots do not build on earlier ones, because the earlier state is no longer known."""
    went = iter([(1,), (2, 3), (4,)])
    monkeypatch.setattr(changes, "_GONE_KEPT", 2)
    monkeypatch.setattr(changes, "take_changed", lambda *_: (None, b"", next(went)))
    followed = changes.Changes()
    assert followed.take(1, 0)[1:] == (0, (1,))
    assert followed.take(2, 0)[1:] == (0, (1, 2, 3))
    assert followed.take(3, 0)[1:] == (WHOLE, ())


# ---- record()


def test_a_series_has_a_first_and_a_last_snapshot(child: Child, tmp_path: Path) -> None:
    child.run(
        "import sys, spprof.memprof as memprof\n"
        "memprof.start(64)\n"
        "held = [bytearray(1_000_000) for _ in range(10)]\n"
        "with memprof.record(sys.argv[1] + '/new/folder', every=1000) as series:\n"
        "    held += [bytearray(1_000_000) for _ in range(10)]\n"
        "assert series.folder == sys.argv[1] + '/new/folder' and (series.written, series.unwritten) == (2, 0)\n"
        "series.stop()\n"
        "assert series.written == 2 and repr(series).startswith('<SnapshotSeries: 2 snapshots written, ')\n",
        str(tmp_path),
    )
    sizes = [
        sum(sums(profile_at(series, state), "inuse_space").values())
        for series in [the_series(tmp_path / "new" / "folder")]
        for state in series.states()
    ]
    assert len(sizes) == 2
    assert 9_000_000 < sizes[0] < 12_000_000
    assert 18_000_000 < sizes[1] < 24_000_000


def test_two_series_of_a_process_have_names_of_their_own(child: Child, tmp_path: Path) -> None:
    child.run(
        "import sys, spprof.memprof as memprof\n"
        "memprof.start(64)\n"
        "held = [bytearray(1_000_000) for _ in range(10)]\n"
        "one, other = memprof.record(sys.argv[1], every=1000), memprof.record(sys.argv[1], every=1000)\n"
        "one.stop(); other.stop()\n",
        str(tmp_path),
    )
    found = read_folder(str(tmp_path))
    assert sorted(len(series.entries) for series in found.series) == [2, 2]
    assert len({series.stem for series in found.series}) == 2


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ("every=0", "ValueError", "every must be between 0.01"),
        ("every=float('nan')", "ValueError", "every must be between 0.01"),
        ("every='10'", "TypeError", "every must be a number of seconds, not str"),
        ("every=True", "TypeError", "every must be a number of seconds, not bool"),
        ("keep=1", "ValueError", "keep must be between 2 and 100000 snapshots, not 1"),
        ("keep=2.5", "TypeError", "integer"),
        ("keep=True", "TypeError", "keep must be an integer, not bool"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(
    child: Child, tmp_path: Path, arguments: str, error: str, words: str
) -> None:
    child.run(
        "import sys, spprof.memprof as memprof\n"
        "memprof.start()\n"
        "try:\n"
        f"    memprof.record(sys.argv[1], {arguments})\n"
        f"except {error} as raised:\n"
        f"    assert {words!r} in str(raised), raised\n"
        "else:\n"
        "    raise AssertionError('it was taken')\n",
        str(tmp_path / "x"),
    )
    assert not (tmp_path / "x").exists()


def test_a_folder_that_cannot_be_made_is_told(child: Child, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    child.run(
        "import sys, spprof.memprof as memprof\n"
        "try:\n"
        "    memprof.record(sys.argv[1])\n"
        "except RuntimeError as raised:\n"
        "    assert 'call spprof.memprof.start() first' in str(raised)\n"
        "memprof.start()\n"
        "try:\n"
        "    memprof.record(sys.argv[1])\n"
        "except FileExistsError:\n"
        "    pass\n",
        str(tmp_path / "file"),
    )


def test_a_forked_child_does_not_go_on(child: Child, tmp_path: Path) -> None:
    child.run(specimen("series/forked"), str(tmp_path))


# ---- run --keep


GROWS = """
import os, sys, threading
held = []
for _ in range(100):
    held.append(bytearray(200_000))
series = sys.argv[1]
waited = threading.Event()
while sum(f".{os.getpid()}." in name for name in os.listdir(series)) < 3:
    held.append(bytearray(100_000))
    waited.wait(0.01)
"""


def test_run_writes_a_series_for_each_process(tmp_path: Path) -> None:
    program = tmp_path / "grows.py"
    program.write_text(
        GROWS.replace("held = []", "held = []\nchild = os.fork()") + "if child:\n    os.waitpid(child, 0)\n"
    )
    folder = f"{tmp_path}/series/"
    ended = spprof("run", "--every", "0.05", "--keep", "20", "--rate-kb", "64", "-o", folder, program, folder)
    assert ended.returncode == 0, ended.stderr
    assert f"see what grew with: spprof growth {folder}" in ended.stderr
    assert f"compare them with: spprof table --by process {folder}" in ended.stderr
    found = read_folder(folder)
    assert len(found.series) == 2
    assert not found.all_left_out
    for series in found.series:
        assert len(series.entries) >= 4
        assert stamp_of(read_profile(series.entries[-1].path)).reference == WHOLE  # type: ignore[union-attr]
    table = spprof("table", folder)
    assert table.returncode == 0
    assert "<module>" in table.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--keep", "5", "-o", "x/"], "--keep needs --every SECONDS"),
        (["--keep", "1", "--every", "1", "-o", "x/"], "must be between 2 and 100000 snapshots"),
        (["--keep", "5", "--every", "1"], "give a folder for them, such as -o series/"),
        (["--keep", "5", "--every", "1", "-o", "x.pb.gz"], "give a folder for them, such as -o series/"),
        (["--keep", "5", "--every", "1", "--no-heap", "--cpu", "-o", "x/"], "--no-heap records none"),
    ],
)
def test_run_tells_what_keep_needs(tmp_path: Path, options: list[str], words: str) -> None:
    here = [f"{tmp_path}/{word}" if word.startswith("x") else word for word in options]
    ended = spprof("run", *here, "-c", "pass")
    assert (ended.returncode, words in ended.stderr) == (2, True)
    assert os.listdir(tmp_path) == []


def test_threads_and_locks_of_the_programs_are_not_used(child: Child, tmp_path: Path) -> None:
    child.run(specimen("series/patched_threading"), str(tmp_path))


def test_a_snapshot_tells_the_growth_of_its_process(child: Child, tmp_path: Path) -> None:
    child.run(specimen("series/own_growth"), str(tmp_path))


# ---- Switched off


def test_where_spprof_is_off_one_empty_file_is_written_and_nothing_waits(child: Child, tmp_path: Path) -> None:
    """The program continues as if it were being recorded, and its next steps with the folder work."""
    child.run(
        f"""
        import os, spprof.memprof as memprof
        memprof.start()
        with memprof.record({str(tmp_path)!r}, every=0.01) as series:
            assert len(os.listdir("/proc/self/task")) == 1
        assert series.written == 1
        assert not memprof.is_active()
        """,
        environment={"SPPROF": "off"},
    )
    (file,) = tmp_path.glob("*.pb.gz")
    assert any("SPPROF=off" in comment for comment in read_profile(file).comments)
