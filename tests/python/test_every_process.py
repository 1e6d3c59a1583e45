"""SPPROF in the environment of a Python process: what it starts, what it does not start, and that it never stops a
program.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from specimens import specimen
from spprof.pprof.file import read_profile
from under_variable import HOLDS, environment, files, plain_environment, run

ENDS = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)\n"


def test_a_program_that_knows_nothing_of_it_is_profiled(tmp_path: Path):
    finished = run(tmp_path, HOLDS + ENDS, "out=files/")
    assert (finished.returncode, finished.stdout, finished.stderr) == (3, "out\n", "err\n")
    (name,) = files(tmp_path / "files")
    assert re.fullmatch(r"spprof-program\.py\.\d+\.pb\.gz", name)
    profile = read_profile(str(tmp_path / "files" / name))
    assert profile.note("script") == "program.py"
    assert profile.note("program") == f"{name.split('.')[2]} {os.getpid()} program.py"
    assert len(profile.samples) > 0


def test_heap_and_cpu_get_a_file_each(tmp_path: Path):
    run(tmp_path, HOLDS + "n = 10**7\nwhile n: n -= 1\n", "heap,cpu=1,out=x.pb.gz")
    assert [re.sub(r"\d+", "N", name) for name in files(tmp_path)] == ["x.N.cpu.pb.gz", "x.N.pb.gz"]


def test_a_process_that_samples_next_to_nothing_leaves_no_file(tmp_path: Path):
    assert run(tmp_path, "pass", "heap=1048576").returncode == 0
    assert files(tmp_path) == []
    assert run(tmp_path, "pass", "heap=1048576,min-samples=0").returncode == 0
    assert len(files(tmp_path)) == 1


# ---- an invalid variable, or an unusable target


@pytest.mark.parametrize(
    ("variable", "named"),
    [
        ("heap=x", "heap=x: not a number; use for example heap=512"),
        ("heap=512,cpu=0", "cpu=0: it must be between 1 and 1000 milliseconds"),
        ("yes", "unknown word yes"),
        ("1", "unknown word 1"),
        ("heap=512 cpu=10", "heap=512 cpu=10: not a number"),
        ("out", "out needs a value, such as out=profiles/"),
        ("native", "native needs cpu or wall"),
        ("\x1b[2J\nnewline", "unknown word \\x1b[2J\\nnewline"),
        (b"\xff\xfe", "unknown word \\xff\\xfe"),
        ("out=/proc/nothing/", "cannot write to /proc/nothing: No such file or directory"),
        ("out=/nothing/here/x.pb.gz", "cannot write to /nothing/here: No such file or directory"),
        ("out=program.py/x.pb.gz", "cannot write to {folder}/program.py/x.pb.gz: Not a directory"),
        ("out=program.py/", "cannot write to {folder}/program.py: File exists"),
        (
            "out=/dev/null",
            "out=/dev/null: this is not a regular file; each process writes its own, so give a folder, such as "
            "out=profiles/",
        ),
        ("out=fifo", "out=fifo: this is not a regular file"),
        ("out=/proc/self/fd/1", "out=/proc/self/fd/1: this is not a regular file"),
    ],
)
def test_a_malformed_variable_is_said_in_one_line_and_stops_nothing(tmp_path: Path, variable: str, named: str):
    os.mkfifo(tmp_path / "fifo")
    finished = run(tmp_path, HOLDS + ENDS, variable)
    assert (finished.returncode, finished.stdout) == (3, "out\n")
    ours, theirs = finished.stderr.splitlines()
    assert theirs == "err"
    assert ours.startswith(f"spprof: SPPROF has no effect here: {named.format(folder=tmp_path)}"), ours
    assert files(tmp_path) == []


@pytest.mark.parametrize("variable", ["", "off", "OFF"])
def test_off_and_nothing_say_nothing(tmp_path: Path, variable: str):
    finished = run(tmp_path, HOLDS + ENDS, variable)
    assert (finished.returncode, finished.stdout, finished.stderr) == (3, "out\n", "err\n")
    assert files(tmp_path) == []


def test_a_folder_that_is_there_needs_no_slash(tmp_path: Path):
    (tmp_path / "files").mkdir()
    run(tmp_path, HOLDS, "out=files")
    assert len(files(tmp_path / "files")) == 1


@pytest.mark.parametrize("name", ["a b", "a,b", "a\\b", "-o", "é", "a'\"$(x)", "a\n"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str):
    escaped = name.replace("\\", "\\\\").replace(",", "\\,")
    program = HOLDS + "import subprocess, sys\nif len(sys.argv) == 1: subprocess.run([sys.executable, __file__, ''])\n"
    assert run(tmp_path, program, f"out={escaped}/").stderr == ""
    assert len(files(tmp_path / name)) == 2, "it is handed on as it was"


def test_a_folder_may_have_a_name_of_another_encoding(tmp_path: Path):
    program = HOLDS + "import subprocess, sys\nif len(sys.argv) == 1: subprocess.run([sys.executable, __file__, ''])\n"
    assert run(tmp_path, program, b"out=\xff/").stderr == ""
    assert len(os.listdir(os.fsencode(tmp_path) + b"/\xff")) == 2


@pytest.mark.parametrize("way", ["full disk", "folder gone", "folder a file"])
def test_a_file_that_cannot_be_written_is_said_in_one_line(tmp_path: Path, way: str):
    """The message appears at the end; the program's own status and output are unchanged."""
    programs = {
        "full disk": "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n",
        "folder gone": "import shutil; shutil.rmtree('files')\n",
        "folder a file": "import os; os.rename('files', 'other'); open('files', 'w').close()\n",
    }
    finished = run(tmp_path, HOLDS + programs[way] + ENDS, "out=files/")
    assert (finished.returncode, finished.stdout) == (3, "out\n")
    theirs, ours = finished.stderr.splitlines()
    assert theirs == "err"
    assert ours.startswith(f"spprof: {tmp_path}/files/spprof-program.py."), ours


@pytest.mark.parametrize("descriptors", [(2,), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("variable", ["heap=x", "out=files/", "out=/proc/nothing/"])
def test_programs_without_standard_streams_end_as_they_did(tmp_path: Path, variable: str, descriptors: tuple[int, ...]):
    def close() -> None:
        for descriptor in descriptors:
            os.close(descriptor)

    program = HOLDS + "open('done', 'w').write('done'); raise SystemExit(3)\n"
    assert run(tmp_path, program, variable, preexec_fn=close).returncode == 3
    assert (tmp_path / "done").read_text() == "done"
    assert len(files(tmp_path / "files") if (tmp_path / "files").exists() else []) == (variable == "out=files/")


def test_a_full_stderr_ends_nothing(tmp_path: Path):
    with open("/dev/full", "w") as full:
        finished = run(tmp_path, "raise SystemExit(3)", "heap=x", capture_output=False, stderr=full)
    assert finished.returncode == 3


def test_no_descriptor_to_spare(tmp_path: Path):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))

    finished = run(tmp_path, HOLDS + ENDS, "out=files/", preexec_fn=limit)
    assert (finished.returncode, finished.stdout) == (3, "out\n")
    assert finished.stderr.splitlines()[-1] == "err" or finished.stderr.startswith("err\nspprof: ")


# ---- which processes inherit the variable


def test_a_child_may_have_another_setting(tmp_path: Path):
    program = (
        HOLDS
        + "import os, subprocess, sys\n"
        + "for value in sys.argv[1:]:\n"
        + "    subprocess.run([sys.executable, __file__], env={**os.environ, 'SPPROF': value}, check=True)\n"
    )
    finished = run(tmp_path, program, "out=a/", "out=b/", "off", "cpu=1,out=c/,min-samples=0", "heap=x")
    assert finished.returncode == 0
    assert finished.stderr == "spprof: SPPROF has no effect here: heap=x: not a number; use for example heap=512\n"
    assert [len(files(tmp_path / name)) for name in "ab"] == [1, 1]
    assert [name.endswith(".cpu.pb.gz") for name in files(tmp_path / "c")] == [True]


def test_a_program_that_takes_the_variable_away_keeps_its_children_out(tmp_path: Path):
    program = HOLDS + (
        "import os, subprocess, sys\n"
        "os.environ.pop('SPPROF', None)\n"
        "if len(sys.argv) == 1: subprocess.run([sys.executable, __file__, ''], check=True)\n"
    )
    assert run(tmp_path, program, "out=files/").returncode == 0
    assert len(files(tmp_path / "files")) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes programs that run as another user")
def test_a_set_uid_program_ignores_the_variable():
    folder = Path(tempfile.mkdtemp(prefix="set-uid-"))
    try:
        python = environment(folder / "env", "spprof.pth")
        folder.chmod(0o777)
        copy = python.with_name("python-of-root")
        shutil.copy(os.path.realpath(python), copy)
        (folder / "program.py").write_text(HOLDS + "import os; print(os.getuid(), os.geteuid())\n")
        seen = {}
        for mode in (0o755, 0o4755):
            copy.chmod(mode)
            finished = subprocess.run(
                [copy, "program.py"], cwd=folder, env={"SPPROF": f"out={folder}/"}, capture_output=True, text=True,
                user=65534 if mode == 0o4755 else None, check=False,
            )  # fmt: skip
            seen[mode] = finished.stdout, finished.stderr, len(files(folder))
        assert seen == {0o755: ("0 0\n", "", 1), 0o4755: ("65534 0\n", "", 1)}
    finally:
        shutil.rmtree(folder)


# ---- which interpreters


STATE = """
import sys
ours = [name for name in sys.modules if "spprof" in name]
print(sys.flags, [path for path in sys.path], sorted(sys.modules), ours, sep="\\n")
"""


def is_read(line: str) -> bool:
    """Return True if -v reports that the interpreter reads the start-up file."""
    return line.startswith(("Processing", "Reading startup", "Exec'ing from", "import lines in"))


@pytest.mark.parametrize("options", [(), ("-I",), ("-E",), ("-s",), ("-S",), ("-P",), ("-X", "dev"), ("-O",), ("-v",)])
def test_without_the_variable_nothing_of_ours_is_imported(tmp_path: Path, options: tuple[str, ...]):
    if options == ("-P",) and sys.version_info < (3, 11):
        pytest.skip("-P came with 3.11")
    seen = []
    for name, start_up in (("with", ("spprof.pth",)), ("alone", ())):
        python = environment(tmp_path / "env", *start_up)
        finished = run(tmp_path, STATE, None, options=options, python=python)
        assert finished.returncode == 0
        assert not [line for line in finished.stderr.splitlines() if "spprof" in line and not is_read(line)]
        seen.append(finished.stdout)
        shutil.move(tmp_path / "env", tmp_path / name)
    assert seen[0] == seen[1]
    assert seen[0].endswith("\n[]\n")


def test_an_import_time_report_shows_nothing_of_ours(tmp_path: Path):
    finished = run(tmp_path, "pass", None, options=("-X", "importtime"))
    assert "import time:" in finished.stderr
    assert "spprof" not in finished.stderr


@pytest.mark.parametrize(
    ("options", "count"), [(("-I",), 1), (("-E",), 1), (("-s",), 1), (("-P",), 1), (("-X", "dev"), 1), (("-S",), 0)]
)
def test_options_of_the_interpreter_keep_their_meaning_under_the_variable(
    tmp_path: Path, options: tuple[str, ...], count: int
):
    if options == ("-P",) and sys.version_info < (3, 11):
        pytest.skip("-P came with 3.11")
    program = HOLDS + "import sys\nprint(sys.flags, sys.path)\n"
    plain, profiled = (run(tmp_path, program, variable, options=options) for variable in (None, "out=files/"))
    assert (profiled.returncode, profiled.stdout, profiled.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert len(files(tmp_path / "files") if (tmp_path / "files").exists() else []) == count


def test_a_second_start_up_file_starts_nothing_more(tmp_path: Path):
    python = environment(tmp_path / "env", "spprof.pth", "spprof-again.pth", "zz.pth")
    again = "from spprof.cli.startup import main\nmain()\n"
    finished = run(tmp_path, HOLDS + again + ENDS, "out=files/", python=python)
    assert (finished.returncode, finished.stdout, finished.stderr) == (3, "out\n", "err\n")
    assert len(files(tmp_path / "files")) == 1


def test_a_package_that_is_gone_or_broken_is_said_in_one_line(tmp_path: Path):
    python = environment(tmp_path / "env", "spprof.pth")
    purelib = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    (purelib / "a-path.pth").unlink()
    shutil.copy(Path(sys.modules["spprof"].__file__ or "").parents[1] / "_spprof_start.py", purelib)
    finished = run(tmp_path, ENDS, "heap", python=python)
    assert (finished.returncode, finished.stdout) == (3, "out\n")
    assert finished.stderr == "spprof: SPPROF has no effect here: No module named 'spprof'\nerr\n"
    (purelib / "spprof").mkdir()
    (purelib / "spprof" / "__init__.py").write_text("raise ValueError('a\\nb')")
    finished = run(tmp_path, ENDS, "heap", python=python)
    assert (finished.returncode, finished.stdout) == (3, "out\n")
    assert finished.stderr == "spprof: SPPROF has no effect here: a b\nerr\n"


def test_subinterpreters_start_nothing_more(tmp_path: Path):
    finished = run(tmp_path, specimen("every_process/subinterpreters"), "heap,cpu=1,out=files/,min-samples=0")
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "done\n", "")
    assert [re.sub(r"\d+", "N", name) for name in files(tmp_path / "files")] == [
        "spprof-subinterpreters.py.N.cpu.pb.gz",
        "spprof-subinterpreters.py.N.pb.gz",
    ]


# ---- what the program sees


LOOKS = """
import os, signal, sys
print({name: value for name, value in os.environ.items() if name != "SPPROF"} == %r)
ours = {getattr(signal, f"SIG{name}") for name in "TERM HUP QUIT ABRT ALRM VTALRM XCPU USR1 USR2".split()}
handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
print([(number, callable(handlers[number]) or number in ours) for number in sorted(handlers)])
print(sys.argv, sys.path, [type(one) for one in sys.meta_path], sys.flags, sys.warnoptions)
print(sorted(sys.modules["__main__"].__dict__), sys.getrecursionlimit(), len(os.listdir("/proc/self/task")))
"""


def test_a_program_that_looks_sees_what_it_saw(tmp_path: Path):
    seen = []
    for variable in (None, "out=files/,min-samples=0", "heap=x"):
        seen.append(run(tmp_path, LOOKS.replace("%r", repr(plain_environment())), variable).stdout)
    assert seen[0] == seen[1] == seen[2]
    assert seen[0].startswith("True\n")


def test_our_own_commands_are_not_profiled(tmp_path: Path):
    run(tmp_path, HOLDS, "out=x.pb.gz")
    (name,) = files(tmp_path)
    variables = {**os.environ, "SPPROF": "out=files/,min-samples=0,heap=0"}
    for command in (["-m", "spprof"], [str(Path(sys.executable).parent / "spprof")]):
        subprocess.run(
            [sys.executable, *command, "table", name], cwd=tmp_path, env=variables, check=True, capture_output=True
        )
    assert not (tmp_path / "files").exists()


def test_a_program_that_has_python_inside_is_named_by_its_own_name(tmp_path: Path):
    """The program's arguments are not shown, since they may contain secrets."""
    python = environment(tmp_path / "env", "spprof.pth")
    python.with_name("server").symlink_to(python.name)
    finished = run(tmp_path, HOLDS, "out=files/", python=python.with_name("server"))
    assert finished.stderr == ""
    assert [re.sub(r"\d+", "N", name) for name in files(tmp_path / "files")] == ["spprof-server.N.pb.gz"]


@pytest.mark.parametrize("how", ["run", "SPPROF"])
def test_a_program_may_have_the_longest_name(tmp_path: Path, how: str):
    script = tmp_path / ("n" * 120 + "é" * 60 + ".py")
    script.write_text(HOLDS)
    (tmp_path / "files").mkdir()
    if how == "SPPROF":
        finished = run(tmp_path, script, "heap,cpu,every=1,out=files/")
    else:
        command = [sys.executable, "-m", "spprof", "run", "--cpu", "--every", "1", "-o", "files/", script.name]
        finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert finished.returncode == 0
    assert "File name too long" not in finished.stderr
    assert len([name for name in files(tmp_path / "files") if ".cpu." not in name]) == 1


def test_what_cannot_start_is_said_in_one_line_and_leaves_nothing_running(tmp_path: Path):
    python = environment(tmp_path / "env", "spprof.pth")
    purelib = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    (purelib / "broken_cpu.py").write_text(
        "import spprof.cpu\ndef start(*_, **__): raise OSError(1, 'no timers')\nspprof.cpu.start = start\n"
    )
    (purelib / "b-broken.pth").write_text("import broken_cpu\n")
    program = HOLDS + "from spprof import memprof\nprint(memprof.is_active())\nmemprof.start()\n"
    finished = run(tmp_path, program, "heap,cpu,out=files/", python=python)
    assert (finished.returncode, finished.stdout) == (0, "False\n")
    assert finished.stderr == "spprof: SPPROF has no effect here: [Errno 1] no timers\n"
    assert files(tmp_path / "files") == []
