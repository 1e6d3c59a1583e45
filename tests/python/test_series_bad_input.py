"""Folders of snapshots with unusable files: what is used, and what is reported about the rest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from series_files import Made, random_series, seen_in
from spprof.pprof.encode import encode
from spprof.pprof.fields import ProfileField, SampleField
from spprof.pprof.file import read_profile
from spprof.pprof.series_folder import read_folder
from spprof.pprof.wire import bytes_field, varint
from test_cli_reports import spprof

STEM = "spprof-app.4711"
DAY = "2026-10-26"
COUNT = 8


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A series with a snapshot at 07:33:20 UTC and every 10 seconds after that."""
    made = random_series(11, tmp_path / "x", COUNT)
    made.write()
    return made


def used(number: int) -> str:
    minutes, seconds = divmod(20 + 10 * number, 60)
    return f"used snapshot {number} of {STEM}, from {DAY} 07:{33 + minutes}:{seconds:02}"


def check(made: Made, number: int, told: str, *words: str, of: Path | None = None) -> None:
    """Check that ``convert`` turns the folder into the profile of that snapshot, and prints this message."""
    out = made.folder.parent / "out.pb.gz"
    said = spprof("convert", "-f", made.folder, "-o", out, *words, TZ="UTC")
    assert said.returncode == 0, said.stderr
    assert said.stderr == (f"spprof: {made.folder}: {told}\n" if told else "")
    if of is None:
        assert seen_in(read_profile(str(out))) == made.plain(number)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def with_comment(made: Made, number: int, reference: int, **comments: str) -> None:
    """Rewrite a file with different comments."""
    profile = made.file(number, reference)
    kept = [f"{key}: {comments.get(key, text)}" for key, _, text in (one.partition(": ") for one in profile.comments)]
    profile.comments = tuple(kept)
    made.paths[number].write_bytes(b"".join(encode(profile)))


def test_a_truncated_file_is_left_out_and_the_moment_before_used(made: Made) -> None:
    cut(made.paths[7])
    check(made, 6, f"{used(6)}; left out: {STEM}.000007.changes.gz (it ends in the middle of its gzip data)")


def test_what_builds_on_a_truncated_file_is_left_out(made: Made) -> None:
    cut(made.paths[4])
    check(
        made,
        3,
        f"{used(3)}; left out: {STEM}.000004.changes.gz (it ends in the middle of its gzip data), "
        f"{STEM}.000005.changes.gz (it builds on number 4, which is missing), {STEM}.000006.changes.gz (it builds on "
        f"number 4, which is missing) and 1 more",
    )


def test_what_builds_on_a_missing_file_is_left_out(made: Made) -> None:
    made.paths[6].unlink()
    missing = "it builds on number 6, which is missing"
    check(made, 5, f"{used(5)}; left out: {STEM}.000007.changes.gz ({missing})")
    for number in (2, 4):
        made.paths[number].unlink()
    check(made, 1, f"{used(1)}; left out: {STEM}.000003.changes.gz (it builds on number 2, which is missing), "
          f"{STEM}.000005.changes.gz (it builds on number 4, which is missing), {STEM}.000007.changes.gz ({missing})",
          "--at", "23:00")  # fmt: skip


def test_damage_that_shows_when_the_samples_are_read_counts_alike(made: Made) -> None:
    content = bytes_field(SampleField.LOCATION, varint(9999)) + bytes_field(SampleField.VALUE, bytes(6))
    broken = b"".join(encode(made.file(6, 4))) + bytes_field(ProfileField.SAMPLE, content)
    made.paths[6].write_bytes(broken)
    assert [one.number for one in read_folder(str(made.folder)).series[0].entries] == list(range(8)), "headers are fine"
    wrong = "not a pprof profile, or a damaged one: it refers to location 9999, which does not exist"
    check(
        made,
        5,
        f"{used(5)}; left out: {STEM}.000006.changes.gz ({wrong}), {STEM}.000007.changes.gz (it builds on number 6, "
        f"which is missing)",
    )
    series = read_folder(str(made.folder)).series[0]
    assert [state.entry.number for state in series.states()] == [0, 1, 2, 3, 4, 5]
    assert [one.name for one in series.left_out] == [f"{STEM}.00000{number}.changes.gz" for number in (6, 7)]


def test_foreign_files_are_named(made: Made) -> None:
    (made.folder / "notes.txt").write_text("of mine")
    check(made, 7, f"{used(7)}; left out: notes.txt")
    (made.folder / "page.html").write_text("of mine")
    (made.folder / "broken.pb.gz").write_text("nonsense")
    (made.folder / "foreign.000001.changes.gz").write_text("nonsense")
    (made.folder / "none.changes.gz").write_bytes(b"".join(encode(read_profile(str(made.paths[0])))))
    wrong = "not a pprof profile, or a damaged one"
    said = spprof("table", made.folder, TZ="UTC")
    assert said.returncode == 0
    start = f"spprof: {made.folder}: {used(7)}; left out: "
    assert said.stderr.startswith(f"{start}foreign.000001.changes.gz ({wrong}")
    assert "broken.pb.gz (" + wrong in said.stderr
    assert said.stderr.endswith(" and 1 more\n")


def test_files_that_a_writer_has_not_finished_are_nobodys_business(made: Made) -> None:
    (made.folder / f".{STEM}.000008.changes.gz.0123456789abcdef").write_text("half")
    check(made, 7, "")


def test_of_two_files_of_one_number_the_one_of_that_name_is_used(made: Made) -> None:
    shutil.copy(made.paths[7], made.folder / f"{STEM}.000009.changes.gz")
    check(
        made,
        7,
        f"{used(7)}; left out: {STEM}.000009.changes.gz (it has the same number (7) as {STEM}.000007.changes.gz)",
    )
    made.write_one(7, -1)
    first, second = f"{STEM}.000007.changes.gz", f"{STEM}.000009.changes.gz"
    same = f"(it has the same number (7) as {STEM}.000007.pb.gz)"
    check(made, 7, f"{used(7)}; left out: {first} {same}, {second} {same}")


def test_a_copy_of_a_snapshot_under_another_name_counts_once(made: Made) -> None:
    shutil.copy(made.paths[0], made.folder / "incident.pb.gz")
    check(made, 7, f"{used(7)}; left out: incident.pb.gz (it is snapshot 0 of {STEM})")
    shutil.copy(made.paths[0], made.folder.parent / "alone.pb.gz")
    for path in made.paths.values():
        path.unlink()
    (made.folder / "notes.txt").unlink(missing_ok=True)
    check(made, 0, "")


def test_two_series_of_one_stem_are_two(made: Made, tmp_path: Path) -> None:
    other = random_series(12, made.folder, 3, STEM, "f" * 16)
    for number in (0, 1, 2):
        other.write_one(number, -1 if number == 0 else 0, f"{STEM}.{20 + number:06}.{'changes' if number else 'pb'}.gz")
    check(made, 7, f"{used(7)}, {used(2)[5:]}", "--at", "23:00", of=made.folder)
    lonely = tmp_path / "lonely"
    other.folder = lonely
    other.write()
    both = spprof("table", "--json", made.folder)
    for number in (0, 1, 2):
        (made.folder / f"{STEM}.{20 + number:06}.{'changes' if number else 'pb'}.gz").unlink()
    assert both.stdout == spprof("table", "--json", made.folder, lonely).stdout


def test_a_series_of_another_version_is_left_out(made: Made) -> None:
    with_comment(made, 7, 6, series="0123456789abcdef 7 6 zstd")
    reason = "it belongs to a series in the format of another version of spprof"
    check(made, 6, f"{used(6)}; left out: {STEM}.000007.changes.gz ({reason})")
    for bad in ("0123456789abcdef 7 7", "0123456789abcdef -1 -1", "0123456789abcdef 7 -2", "x", "", "a b c"):
        with_comment(made, 7, 6, series=bad)
        check(made, 6, f"{used(6)}; left out: {STEM}.000007.changes.gz ({reason})")
    with_comment(made, 7, 6, monotonic_ms="soon")
    check(made, 6, f"{used(6)}; left out: {STEM}.000007.changes.gz ({reason})")
    with_comment(made, 0, -1, series="x")
    said = spprof("table", made.paths[0])
    assert (said.returncode, said.stderr) == (1, f"spprof: {made.paths[0]}: {reason}\n")


def test_a_clock_that_was_set_back_is_told_where_a_time_is_asked_for(made: Made) -> None:
    for number in (5, 6, 7):
        made.moments[number] = made.moments[number]._replace(time_ns=made.moments[number].time_ns - 3600 * 10**9)
    made.write()
    jump = f"the clock was set back from {DAY} 07:34:00 to {DAY} 06:34:10 before snapshot 5 of {STEM}"
    check(made, 7, f"used snapshot 7 of {STEM}, from {DAY} 06:34:30; {jump}", "--at", "07:33:40")
    check(made, 3, f"{used(3)}; {jump}", "--at", "+30s")
    check(made, 4, f"{used(4)}; {jump}", "--at=-30s")
    check(made, 7, "")


def test_a_monotonic_clock_that_jumps_harms_no_moment(made: Made) -> None:
    made.moments[6] = made.moments[6]._replace(monotonic_ms=17)
    made.write()
    check(made, 6, used(6), "--at", "07:34:20")
    check(made, 7, "")


@pytest.mark.parametrize(
    ("at", "status", "message"),
    [
        ("07:33:19", 1, "there is no snapshot at or before 07:33:19; "),
        ("2026-10-25T12:00", 1, "there is no snapshot at or before 2026-10-25T12:00; "),
        ("-71s", 1, "there is no snapshot at or before -71s; "),
        ("noon", 2, "error: 'noon' is not a time; use 12:30, 12:30:05, 2026-11-30T12:30, +10m (after the first), -10m "
         "(before the last); "),
        ("25:00", 2, "error: '25:00' is not a time; "),
        ("2026-02-30T12:00", 2, "error: '2026-02-30T12:00' is not a time; "),
        ("+soon", 2, "error: '+soon' is not a time; "),
        ("", 2, "error: '' is not a time; "),
        ("99999-01-01T00:00", 2, "is not a time; "),
    ],
)  # fmt: skip
def test_a_time_that_is_none_is_answered_with_the_first_and_the_last(
    made: Made, at: str, status: int, message: str
) -> None:
    said = spprof("convert", made.folder, "--at", at, "-o", made.folder.parent / "x.pb.gz", TZ="UTC")
    assert said.returncode == status
    last_line = said.stderr.splitlines()[-1]
    assert message in last_line
    assert last_line.endswith(f"the first snapshot is from {DAY} 07:33:20, the last from {DAY} 07:34:30")
    assert not (made.folder.parent / "x.pb.gz").exists()


def test_where_nothing_is_left_the_folder_is_an_error(made: Made, tmp_path: Path) -> None:
    made.paths[0].unlink()
    missing = "which is missing"
    out = tmp_path / "x.pb.gz"
    for words in (("table",), ("convert", "-o", out), ("convert", "--at", "+1m", "-o", out)):
        said = spprof(*words, made.folder)
        assert (said.returncode, said.stdout) == (1, "")
        first = f"{STEM}.000001.changes.gz (it builds on number 0, {missing})"
        assert said.stderr.startswith(f"spprof: {made.folder}: no usable snapshot: {first}, ")
        assert said.stderr.endswith(f"{STEM}.000003.changes.gz (it builds on number 2, {missing}) and 4 more\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    said = spprof("table", empty)
    assert (said.returncode, said.stderr) == (1, f"spprof: {empty}: the folder has no .pb.gz files\n")
    said = spprof("convert", empty, "--at", "12:00", "-o", tmp_path / "x.pb.gz")
    assert (said.returncode, said.stderr) == (
        1,
        f"spprof: {empty}: the folder has no series of snapshots, which --at needs\n",
    )
    alone = spprof("convert", made.paths[1], "--at", "12:00", "-o", tmp_path / "x.pb.gz")
    assert alone.returncode == 2
    assert f"--at needs a folder with a series of snapshots; {made.paths[1]} is not a folder" in alone.stderr


def test_a_file_that_is_thinned_while_the_folder_is_read_is_nobodys_business(made: Made) -> None:
    series = read_folder(str(made.folder)).series[0]
    made.paths[7].unlink()
    state = series.latest()
    assert state is not None
    assert (state.entry.number, series.left_out) == (6, [])
