"""File names that are not UTF-8 stay distinct in every format, and printed commands name the right file."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from child import Child
from naive_heap import NaiveHeap, random_heap
from place import SPPROF, Place
from specimens import FOLDER, specimen
from spprof import formats
from spprof.cli.terminal import shell_word
from spprof.pprof.file import read_profile
from spprof.results import Frame

NAMES = {
    "a\udce9.py": r"a\xe9.py",
    "a\udce8.py": r"a\xe8.py",  # noqa: F601
    "a\xe9.py": "aé.py",
    r"a\xe9.py": r"a\x5cxe9.py",
}
"""Names in Python, and as files and reports spell them: two names with an invalid byte, one with a letter, one with an
escape.
"""

SHELLS = [shell for shell in ("sh", "dash", "bash", "busybox sh") if shutil.which(shell.split()[0])]

ODD_PATHS = [
    *("plain.pb.gz", "two words.pb.gz", "it's.pb.gz", 'a"b$HOME`id`!x.pb.gz', "line\nend.pb.gz", "\x1b[31m.pb.gz"),
    *("100%s%%\\n.pb.gz", "byte\udce9.pb.gz", "ü漢\udcff'.pb.gz", "\udce9\\351.pb.gz", "ends\n"),
]


def heap_of_names() -> NaiveHeap:
    frames = {1 + at: (Frame("load", name, 7, 0, True),) for at, name in enumerate(NAMES)}
    return random_heap(3, frames, blocks=400)


def test_names_stay_apart_in_every_format(tmp_path: Path) -> None:
    snapshot = heap_of_names().snapshot()
    spelled = sorted(NAMES.values())
    for name in formats.FORMATS:
        snapshot.save(tmp_path / name, name)
    profile = read_profile(str(tmp_path / "pprof"))
    assert sorted(location.frames[0].file for location in profile.locations) == spelled
    document = json.loads((tmp_path / "speedscope").read_bytes())
    assert sorted(frame["file"] for frame in document["shared"]["frames"]) == spelled
    lines = (tmp_path / "collapsed").read_text(encoding="utf-8").splitlines()
    assert sorted(re.findall(r"\((.*):7\)", "".join(lines))) == spelled or len(lines) == len(spelled)
    formats.save(profile, tmp_path / "again", "pprof")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "pprof").read_bytes()
    assert len(snapshot.top_allocators()) == len(NAMES)


def test_the_files_of_a_run_are_two_sites(place: Place) -> None:
    program = "kept = [bytearray(1000) for _ in range(20_000)]\n"
    for name in (b"a\xe9.py", b"a\xe8.py"):
        (place.folder / os.fsdecode(name)).write_text(program)
    place.write("import runpy\nkept = [runpy.run_path(f'a{byte}.py') for byte in ('\\udce9', '\\udce8')]\n")
    assert place.run("program.py").returncode == 0
    files = {key.file for key in place.sites()}
    assert {r"a\xe9.py", r"a\xe8.py"} <= files
    table = place.call([*SPPROF, "table", str(place.output)]).stdout
    tree = place.call([*SPPROF, "tree", str(place.output)]).stdout
    for name in (r"a\xe9.py", r"a\xe8.py"):
        assert name in table
        assert name in tree
    copy = str(place.folder / "merged.pb.gz")
    place.call([*SPPROF, "merge", str(place.output), str(place.output), "-o", copy])
    assert {r"a\xe9.py", r"a\xe8.py"} <= {key.file for key in place.sites("merged.pb.gz")}
    same = place.call([*SPPROF, "diff", "--all", str(place.output), copy]).stdout
    assert r"a\xe9.py" in same
    assert r"a\xe8.py" in same


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("path", ODD_PATHS)
def test_a_shell_takes_what_is_told_to_type(path: str, shell: str) -> None:
    word = shell_word(path)
    assert word.isprintable()
    assert word.encode()
    if word.startswith("$'") and shell != "bash":
        pytest.skip("a name that ends with a line end needs bash")
    told = subprocess.run([*shell.split(), "-c", f"printf %s {word}"], capture_output=True, check=True).stdout
    assert told == os.fsencode(path)


@pytest.mark.parametrize("name", ["a\udce9.py", "it's two.py", "-x.py", "line\nend.py"])
@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_the_suggested_command_names_the_file(place: Place, name: str, locale: dict[str, str]) -> None:
    (place.folder / name).write_text("kept = [bytearray(1000) for _ in range(20_000)]\n")
    command = [*SPPROF, "run", "--", name] if name.startswith("-") else [*SPPROF, "run", name]
    ran = subprocess.run(command, cwd=place.folder, env={**os.environ, **locale}, capture_output=True, check=True)
    said = ran.stderr.splitlines()[-1].partition(b"view it with: spprof ")[2]
    assert said
    script = b"exec " + b" ".join(os.fsencode(word) for word in SPPROF) + b" " + said
    shown = subprocess.run([b"sh", b"-c", script], cwd=place.folder, capture_output=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert b"inuse_space" in shown.stdout


def test_a_thread_may_take_its_name_late(child: Child) -> None:
    assert child.run(specimen("file_names/named_late")) == "late\n"


def test_a_thread_may_have_any_name(child: Child) -> None:
    """Names that differ in one byte are distinct. The kernel truncates names to 15 bytes, even within a character."""
    told = child.run(
        """
        import named, spprof
        spprof.start(1)
        for name in (b"a\\xe9", b"a\\xe8", "xüüüüüüüü".encode()): named.run(name)
        print(*sorted(thread.name for thread in spprof.stop().threads if thread.name != "MainThread"))
        """,
        environment={"PYTHONPATH": str(FOLDER / "file_names")},
    )
    assert told == "a\\xe8 a\\xe9 xüüüüüüü\n"
