"""Series of snapshots as files: the state at each snapshot, and how reports and ``convert`` treat a folder."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from series_files import (
    Made,
    kept_of,
    python_frame,
    random_series,
    reference_of,
    seen_in,
)
from spprof.analysis.moments import profile_at
from spprof.pprof.file import read_profile, written
from spprof.pprof.series import Series, State
from spprof.pprof.series_folder import read_folder
from test_cli_reports import printed, spprof

COUNT = 40


def the_series(folder: Path) -> Series:
    found = read_folder(str(folder))
    assert (len(found.series), found.all_left_out) == (1, [])
    return found.series[0]


@pytest.mark.parametrize("spacing", [1, 2, 8])
@pytest.mark.parametrize("seed", range(4))
def test_the_state_at_every_moment_is_what_the_process_held(seed: int, spacing: int, tmp_path: Path) -> None:
    made = random_series(seed, tmp_path / "x", COUNT)
    kept = kept_of(COUNT, spacing)
    series = the_series(made.write(kept, spacing))
    states = list(series.states())
    assert [state.entry.number for state in states] == kept
    for state in states:
        assert seen_in(profile_at(series, state)) == made.plain(state.entry.number)
    for number in random.Random(seed).sample(kept, 5):
        alone = the_series(made.folder)
        found = alone.latest(lambda entry, number=number: entry.number <= number)  # type: ignore[misc]
        assert found is not None
        assert seen_in(profile_at(alone, found)) == made.plain(number)


def test_rows_of_stacks_that_did_not_change_are_the_same_objects(tmp_path: Path) -> None:
    made = Made(tmp_path / "x")
    still, moving = made.stack(python_frame("still", 1)), made.stack(python_frame("moving", 2))
    for _ in range(8):
        if not made.moments:
            made.allocate(still, 100)
        made.allocate(moving, 100)
        made.take()
    states = list(the_series(made.write()).states())
    assert len({id(state.stacks[still]) for state in states}) == 1
    assert len({id(state.stacks[moving]) for state in states}) == 8


def test_a_moment_is_made_of_the_files_that_it_builds_on_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = random_series(5, tmp_path / "x", 60)
    series = the_series(made.write())
    opened = []

    def reading(path: str) -> object:
        opened.append(path)
        return read_profile(path)

    monkeypatch.setattr("spprof.pprof.series.read_profile", reading)
    assert series.latest() is not None
    chain, number = [], 59
    while number >= 0:
        chain.append(str(made.paths[number]))
        number = reference_of(number, 1)
    assert opened == chain[::-1]
    assert len(opened) == 6


def test_values_follow_their_types_where_a_later_snapshot_has_others(tmp_path: Path) -> None:
    made = Made(tmp_path / "x")
    stack = made.stack(python_frame("f", 1))
    made.allocate(stack, 4096)
    made.take()
    made.take()
    made.write()
    path = made.paths[1]
    fewer = read_profile(str(path))
    path.write_bytes(b"".join(written(fewer.with_types(fewer.sample_types[2:4], ""))))
    series = the_series(made.folder)
    state = series.latest()
    assert state is not None
    profile = profile_at(series, state)
    assert [one.type for one in profile.sample_types] == ["inuse_objects", "inuse_space"]
    expected = next(iter(made.plain(0).values()))[0][2:4]
    assert [sample.values for sample in profile.samples] == [expected]


# ---- Reports


def write_plain(path: Path, series: Series, state: State) -> Path:
    path.write_bytes(b"".join(written(profile_at(series, state))))
    return path


def test_reports_take_the_latest_moment_of_each_series_as_a_file(tmp_path: Path) -> None:
    first = random_series(1, tmp_path / "x", 9)
    second = random_series(2, tmp_path / "x", 5, "spprof-app.4712", "f" * 16)
    plain = []
    for number, made in enumerate((first, second)):
        series = the_series(made.write())
        state = series.latest()
        assert state is not None
        plain.append(write_plain(tmp_path / f"{number}.pb.gz", series, state))
        shutil.rmtree(made.folder)
    first.write()
    second.write()
    shutil.copy(plain[1], tmp_path / "x" / "alone.pb.gz")
    for verb in ("table", "tree", "stats"):
        assert printed(verb, "--json", first.folder) == printed(verb, "--json", *plain, plain[1])
    assert printed("diff", plain[0], first.folder).splitlines()[0].startswith("inuse_space: ")
    printed("merge", first.folder, "-o", tmp_path / "all.pb.gz")
    printed("merge", plain[1], *plain, "-o", tmp_path / "other.pb.gz")
    assert seen_in(read_profile(str(tmp_path / "all.pb.gz"))) == seen_in(read_profile(str(tmp_path / "other.pb.gz")))
    page = spprof("flamegraph", first.folder, "-o", tmp_path / "x.html")
    assert (page.returncode, page.stderr) == (0, "")


def test_a_whole_snapshot_is_a_profile_like_others_and_a_part_is_not(tmp_path: Path) -> None:
    made = random_series(3, tmp_path / "x", 3)
    made.write()
    printed("convert", made.paths[0], "-o", tmp_path / "first.pb.gz")
    plain = read_profile(str(tmp_path / "first.pb.gz"))
    assert seen_in(plain) == made.plain(0)
    assert plain.comments == ("spprof: 0.9", "python: 3.11", "rss: 1")
    part = spprof("table", made.paths[1])
    assert (part.returncode, part.stdout) == (1, "")
    assert part.stderr == (
        f"spprof: {made.paths[1]}: it only holds what changed since snapshot 0 of its series; give the folder, or "
        f"extract a moment of it: spprof convert FOLDER --at TIME -o x.pb.gz\n"
    )


def test_a_series_tells_rss_and_not_its_parts(tmp_path: Path) -> None:
    made = random_series(3, tmp_path / "x", 3)
    said = spprof("rss", made.write())
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == (
        f"spprof: {made.folder}: RSS was 3 B, but snapshots of a series do not record its parts; files written by "
        f"snapshot.save() do\n"
    )


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """13 snapshots over two minutes, the first taken on 2026-10-26 at 07:33:20 UTC."""
    made = random_series(4, tmp_path / "x", 13)
    made.write()
    return made


@pytest.mark.parametrize(
    ("at", "number"),
    [
        (None, 12),
        ("07:33:20", 0),
        ("07:33:29", 0),
        ("07:33:30", 1),
        ("7:34", 4),
        ("2026-10-26T07:34", 4),
        ("2026-10-26T07:34:09", 4),
        ("2026-10-26 07:34:10", 5),
        ("08:00", 12),
        ("+0", 0),
        ("+1m", 6),
        ("+69", 6),
        ("+7h", 12),
        ("-0", 12),
        ("-1m", 6),
        ("-10s", 11),
        ("-15s", 10),
    ],
)
def test_convert_writes_the_last_moment_up_to_a_time(made: Made, at: str | None, number: int, tmp_path: Path) -> None:
    words = () if at is None else ("--at", at)
    said = spprof("convert", made.folder, *words, "-o", tmp_path / "then.pb.gz", TZ="UTC")
    assert said.returncode == 0, said.stderr
    found = read_profile(str(tmp_path / "then.pb.gz"))
    assert seen_in(found) == made.plain(number)
    assert found.time_ns == made.moments[number].time_ns
    minutes, seconds = divmod(20 + 10 * number, 60)
    if at is not None:
        moment = f"2026-10-26 07:{33 + minutes}:{seconds:02}"
        assert said.stderr == f"spprof: {made.folder}: used snapshot {number} of spprof-app.4711, from {moment}\n"
