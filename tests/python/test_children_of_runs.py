"""How ``spprof run`` treats its program's child processes: which of them leave files, and what is reported about those
that do not. The program sees them start and end just as it would without spprof.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from specimens import specimen
from spprof.pprof.file import read_profile
from under_variable import HOLDS, environment, files, plain_environment
from under_variable import run as run_alone

TIMEOUT_SECONDS = 600
STARTS = specimen("every_process/starts")


def run(
    folder: Path, *words: str, options: tuple[str, ...] = (), python: str | Path = sys.executable, **how: object
) -> subprocess.CompletedProcess[str]:
    """Run ``spprof run -o a.pb.gz``."""
    return subprocess.run(
        [str(python), "-m", "spprof", "run", "-o", "a.pb.gz", *options, *words],
        **{"cwd": folder, "env": plain_environment(), "stdin": subprocess.DEVNULL, "capture_output": True, "text": True,
           "timeout": TIMEOUT_SECONDS, "check": False, **how},
    )  # type: ignore[call-overload]  # fmt: skip


def starts(folder: Path, way: str, *options: str) -> tuple[list[str], str]:
    """Run the program that starts others in this ``way``, and return the files and the messages. Check that it ends and
    prints just as it would without spprof.
    """
    plain = subprocess.run(
        [sys.executable, str(STARTS), way], cwd=folder, env=plain_environment(), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False,
    )  # fmt: skip
    finished = run(folder, str(STARTS), way, options=options)
    theirs = "".join(line for line in finished.stderr.splitlines(True) if not line.startswith("spprof:"))
    assert (finished.returncode, finished.stdout, theirs) == (plain.returncode, plain.stdout, plain.stderr)
    return files(folder), finished.stderr.replace("spprof: ", "")


WAYS = {
    "fork": 2,
    "subprocess": 2,
    "close_fds": 2,
    "preexec_fn": 2,
    "posix_spawn": 2,
    "os.system": 2,
    "spawn": 2,
    "forkserver": 2,
    "set_executable": 2,
    "nested": 2,
    "double fork": 2,
    "-c": 2,
    "stdin": 2,
    "module": 2,
    "interactive": 1,
    "-S": 1,
    "-I": 2,
    "env -i": 1,
    "exec twice": 3,
    "statuses": 1,
    "terminated spawn": 1,
    "killed": 1,
}
"""The expected number of files for each way to start a program."""


_QUICK = ("fork", "subprocess", "spawn", "exec twice", "statuses", "terminated spawn")
"""The ways that .ci/run tests on every Python."""


@pytest.mark.parametrize("way", [way if way in _QUICK else pytest.param(way, marks=pytest.mark.long) for way in WAYS])
def test_programs_start_and_end_as_they_did_and_leave_files(tmp_path: Path, way: str):
    least = "10000" if way == "interactive" else "100"  # from 3.13 on, the prompt is a program that compiles itself
    found, said = starts(tmp_path, way, "--children-min-samples", least)
    assert len(found) == WAYS[way], said
    assert ("ended without a normal Python shutdown" in said) is (way == "killed")
    for name in found:
        assert read_profile(str(tmp_path / name)).samples


@pytest.mark.parametrize("way", ["fork", "forkserver", "exec twice"])
def test_without_children_there_is_one_file(tmp_path: Path, way: str):
    found, said = starts(tmp_path, way, "--no-children")
    assert found == ["a.pb.gz"]
    assert "wrote files" not in said
    assert "wrote no file" not in said
    assert "not profiled" not in said


@pytest.mark.parametrize(("least", "count"), [("0", 3), ("100", 2), ("1000000", 1)])
def test_small_children_leave_files_as_they_are_told_to(tmp_path: Path, least: str, count: int):
    found, said = starts(tmp_path, "large and small", "--children-min-samples", least)
    assert len(found) == count
    assert (f"fewer than {least} samples of their own (--children-min-samples)" in said) is (least != "0")


def test_helpers_leave_no_file(tmp_path: Path):
    found, said = starts(tmp_path, "forkserver", "--children-min-samples", "0")
    assert len(found) == 2
    assert "wrote no file" not in said
    assert "not profiled" not in said


def test_the_library_is_preloaded_where_it_is_asked_for(tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text(
        "import os, subprocess, sys\n"
        "code = \"kept = [b'x' * 999_999 for _ in range(30)]; print('libspprof' in open('/proc/self/maps').read())\"\n"
        "seen = [subprocess.check_output([sys.executable, '-c', code]) == b'True\\n']\n"
        "seen.append(subprocess.call(['sh', '-c', 'grep -q libspprof /proc/self/maps']) == 0)\n"
        "print(os.environ.get('LD_PRELOAD', '').count('libspprof'), *seen)\n"
    )
    assert run(tmp_path, str(program)).stdout == "0 True False\n"
    assert run(tmp_path, str(program), options=("-f", "--preload-children")).stdout == "1 True True\n"
    assert len(files(tmp_path)) == 3


def test_a_child_of_another_environment_is_named(tmp_path: Path):
    python = environment(tmp_path / "env")
    program = tmp_path / "program.py"
    program.write_text(
        f"import subprocess\nsubprocess.run([{str(python)!r}, '-c', 'pass'], check=True)\n"
        f"subprocess.run([{str(python)!r}, '-m', 'this'], check=True, stdout=subprocess.DEVNULL)\n"
    )
    finished = run(tmp_path, str(program))
    assert files(tmp_path) == ["a.pb.gz"]
    assert "2 Python programs were started but not profiled: python -c pass; python -m this" in finished.stderr


@pytest.mark.long
def test_an_environment_can_be_made_under_a_run(tmp_path: Path):
    finished = run(tmp_path, "-m", "venv", "env")
    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "env" / "bin" / "pip").exists()
    assert "Error" not in finished.stderr


def test_the_program_that_a_run_becomes_tells_of_the_whole_family(tmp_path: Path):
    _, said = starts(tmp_path, "exec twice")
    assert said.count("wrote files, largest first:") == 1
    assert "3 processes wrote files, largest first:" in said
    assert said.count("(the program itself)") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
@pytest.mark.parametrize("is_writable", [True, False])
def test_children_of_another_user_write_where_they_may(is_writable: bool):
    folder = Path(tempfile.mkdtemp(prefix="other-user-"))
    try:
        (folder / "files").mkdir()
        folder.chmod(0o755)
        (folder / "files").chmod(0o777 if is_writable else 0o755)
        program = folder / "program.py"
        program.write_text(
            "import os, sys, time\n"
            + HOLDS
            + "if os.fork() == 0:\n    os.setgid(65534); os.setuid(65534)\n"
            + "    other = [b'x' * 1_000_000 for _ in range(30)]\n    sys.exit(5)\n"
            + "print(os.wait()[1] >> 8)\n"
        )
        finished = subprocess.run(
            [sys.executable, "-m", "spprof", "run", "-o", "files/a.pb.gz", str(program)],
            cwd=folder, env=plain_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=TIMEOUT_SECONDS, check=True,
        )  # fmt: skip
        assert finished.stdout == "5\n"
        assert len(files(folder / "files")) == (2 if is_writable else 1)
        failures = re.findall(r"^spprof: .*files/a\.\d+\.pb\.gz: Permission denied; ", finished.stderr, re.MULTILINE)
        assert len(failures) == (not is_writable)
        assert ("1 process wrote no file: could not write" in finished.stderr) is not is_writable
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("how", ["fork", "start", "SPPROF"])
def test_a_file_of_another_process_with_the_same_pid_stays(tmp_path: Path, how: str):
    """A process in another container may write into the same folder while this process is running."""
    program = specimen("every_process/same_name")
    if how == "SPPROF":
        finished = run_alone(tmp_path, program, "heap,cpu=1,out=a.pb.gz", how)
    else:
        finished = run(tmp_path, str(program), how, options=("--cpu", "1"))
    pid = int(finished.stdout)
    found = files(tmp_path)
    assert (tmp_path / f"a.{pid}.cpu.pb.gz").read_text() == "another's"
    assert [name for name in found if str(pid) in name] == [
        f"a.{pid}-2.cpu.pb.gz", f"a.{pid}-2.pb.gz", f"a.{pid}.cpu.pb.gz"
    ]  # fmt: skip
    assert how == "SPPROF" or f" a.{pid}-2.pb.gz\n" in finished.stderr
    for name in found:
        assert name == f"a.{pid}.cpu.pb.gz" or read_profile(str(tmp_path / name)).samples


def test_a_script_as_a_program_is_named_as_it_was_started(tmp_path: Path):
    script = tmp_path / "tool"
    script.write_text(f"#!{sys.executable}\n{HOLDS}")
    script.chmod(0o755)
    program = tmp_path / "program.py"
    program.write_text("import subprocess\nsubprocess.run(['./tool'], check=True)\n")
    finished = run(tmp_path, str(program))
    found = {read_profile(str(tmp_path / name)).note("script") for name in files(tmp_path)}
    assert found == {"program.py", "tool"}
    assert "not profiled" not in finished.stderr


@pytest.mark.parametrize("how", ["exec", "start"])
def test_a_program_that_closes_all_descriptors_gets_none_of_its_own_changed(tmp_path: Path, how: str):
    """Programs that such a program starts cannot report that they are profiled, and no message mentions them."""
    finished = run(tmp_path, str(specimen("every_process/closes")), how, options=("--children-min-samples", "100"))
    assert (finished.returncode, finished.stdout) == (0, "0\n"), finished.stderr
    assert "not profiled" not in finished.stderr
    assert len(files(tmp_path)) == 2
