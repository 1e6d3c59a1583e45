"""How ``spprof run`` handles the end of a program that has removed something it needs to write the profile."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest
from place import SPPROF, Place
from specimens import specimen
from spprof.formats import atomic_file

HOLD = "kept = [bytearray(1000) for _ in range(20_000)]\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def run(place: Place, name: str, program: str) -> str:
    """Run the program with its profile in ``name``, check that it prints only "ran", and return the messages."""
    place.write(program)
    finished = place.call([*SPPROF, "run", "-o", str(place.folder / name), "program.py"])
    assert (finished.returncode, finished.stdout) == (0, "ran\n"), finished.stderr
    assert (place.folder / name).exists()
    assert "Traceback" not in finished.stderr
    return finished.stderr


@pytest.mark.parametrize("name", ["x.html", "x.pb.gz", "x.json"])
@pytest.mark.parametrize("module", ["datetime", "html", "base64", "hashlib", "importlib.resources"])
def test_files_beside_the_program_are_not_imported_at_its_end(place: Place, name: str, module: str) -> None:
    file = place.folder / f"{module.replace('.', '/')}.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text("raise SystemExit('the program\\'s own file ran')")
    run(place, name, HOLD + "print('ran')")


@pytest.mark.parametrize("name", ["x.pb.gz", "x.json", "x.collapsed", "x.html"])
def test_a_program_that_uses_up_its_descriptors_leaves_a_profile(place: Place, name: str) -> None:
    program = """
import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
files = []
try:
    while True: files.append(os.open("/dev/null", 0))
except OSError: print("ran", flush=True)
"""
    run(place, name, HOLD + program)


def test_descriptors_of_the_program_stay_open_whatever_number_they_have(place: Place) -> None:
    """The program closes everything that it did not open, as daemons do. Its files are flushed at shutdown."""
    program = """
import os
os.closerange(3, 256)
files = [open(f"file{number}", "w") for number in range(60)]
for file in files: file.write(file.name)
assert [file.fileno() for file in files] == list(range(3, 63))
print("ran", flush=True)
"""
    run(place, "x.pb.gz", HOLD + program)
    assert [(place.folder / f"file{number}").read_text() for number in range(60)] == [f"file{n}" for n in range(60)]


def test_the_program_has_the_low_descriptors(place: Place) -> None:
    program = "import os\nassert [os.open('/dev/null', 0) for _ in range(30)] == list(range(3, 33))\nprint('ran')"
    run(place, "x.pb.gz", HOLD + program)


@pytest.mark.parametrize(
    "loses",
    [
        "os.chdir(tempfile.mkdtemp(dir='.')); os.rmdir(os.getcwd())",
        "os.getcwd = lambda: os.stat('/nowhere')",
        "os.chdir('/')",
    ],
)
def test_a_program_that_loses_its_folder_gets_its_summary(place: Place, loses: str) -> None:
    said = run(place, "x.pb.gz", f"import os, tempfile\n{HOLD}{loses}\nprint('ran')")
    assert "spprof: live at the end: " in said
    assert said.splitlines()[-1] == "spprof: wrote x.pb.gz; view it with: spprof table x.pb.gz"


def test_a_program_may_start_in_a_folder_that_is_gone(place: Place) -> None:
    place.write("print('ran')")
    start = "import os, sys; os.mkdir('w'); os.chdir('w'); os.rmdir('../w'); os.execv(sys.executable, sys.argv[1:])"
    words = [*SPPROF, "run", "-o", str(place.output), str(place.script)]
    finished = place.call([SPPROF[0], "-c", start, *words])
    assert (finished.returncode, finished.stdout) == (0, "ran\n"), finished.stderr
    assert place.output.exists()
    finished = place.call([SPPROF[0], "-c", start, *SPPROF, "run", str(place.script)])
    assert finished.returncode == 2
    assert "the current folder has been removed; give an absolute path" in finished.stderr


@pytest.mark.parametrize("room", ["8", "14", "30", "200"])
def test_sigterm_ends_a_program_near_its_recursion_limit(place: Place, room: str) -> None:
    place.write(specimen("last_moments/at_the_recursion_limit"))
    finished = place.run("program.py", room)
    assert (finished.returncode, finished.stdout) == (-signal.SIGTERM, ""), finished.stderr
    assert place.output.exists()


@pytest.mark.parametrize("error", ["Exception", "KeyboardInterrupt", "SystemExit", "MemoryError"])
def test_sigterm_ends_a_program_whatever_fails_while_finishing(place: Place, error: str) -> None:
    place.write(f"""
        import os, signal
        def fails(*arguments): raise {error}("while finishing")
        os.fsync = os.write = fails
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            while True: pass
        except BaseException as caught:
            print("the program caught", repr(caught), flush=True)
        """)
    finished = place.run("program.py")
    assert (finished.returncode, finished.stdout) == (-signal.SIGTERM, ""), finished.stderr


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOENT, "create the folder first"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENFILE, "the system has no file descriptors left"),
        (errno.EFBIG, "ulimit -f"),
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "this user may write to"),
        (errno.ENAMETOOLONG, "pass a shorter name"),
        (errno.EIO, "the device failed"),
        (errno.ELOOP, "pass another path"),
    ],
)
def test_each_error_has_its_own_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, remedy: str
) -> None:
    def fails(*arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(atomic_file.os, "open", fails)
    with pytest.raises(OSError, match="cannot write the snapshot") as caught:
        atomic_file.write_file(str(tmp_path / "x"), [b"x"])
    assert caught.value.errno == number
    assert remedy in str(caught.value)
