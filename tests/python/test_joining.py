"""Programs that start the profilers themselves although ``spprof run`` or SPPROF has already started them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from specimens import specimen
from spprof.pprof.file import read_profile
from under_variable import HOLDS, files, plain_environment, run

SAYS = "is already being profiled (by spprof run, or SPPROF in its environment)"
GETS = """heap True True
block True True True
time True True True
block True True
function 3 True True
generator [1] True
ValueError
ValueError
ValueError
end True True
"""


def under_run(folder: Path, *words: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "spprof", "run", "-f", "-o", "a.pb.gz", *options, *words],
        cwd=folder, env=plain_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize("makes_errors", [False, True])
@pytest.mark.parametrize("how", ["run", "SPPROF"])
def test_starts_of_the_program_join_the_profile_of_the_run(tmp_path: Path, how: str, makes_errors: bool):
    program, arguments = specimen("joining/starts"), ("errors",) if makes_errors else ()
    if how == "run":
        finished = under_run(tmp_path, str(program), *arguments, options=("--cpu", "1"))
    else:
        finished = run(tmp_path, program, "heap,cpu=1,out=a.pb.gz", *arguments)
    assert (finished.returncode, finished.stdout) == (0, GETS), finished.stderr
    assert finished.stderr.count(SAYS) == (not makes_errors)
    assert finished.stderr.count("Warning") == (not makes_errors)
    whole, of_cpu = sorted(tmp_path.glob("a*.pb.gz"), key=lambda path: ".cpu." in path.name)
    profile = read_profile(str(whole))
    held = sum(sample.values[profile.default_index] for sample in profile.samples)
    assert 45e6 < held < 95e6, "all of the program: 70 MB"
    assert read_profile(str(of_cpu)).samples
    assert read_profile(str(tmp_path / "own.pb.gz")).samples
    assert read_profile(str(tmp_path / "function.pb.gz")).samples


def test_a_program_alone_gets_its_own(tmp_path: Path):
    """Check the specimen's output when nothing is running. The tests above compare with it."""
    finished = run(tmp_path, specimen("joining/starts"), None)
    assert finished.stdout.splitlines()[:2] == ["heap False True", "block True True False"]
    assert SAYS not in finished.stderr


def test_another_kind_of_profile_is_the_programs_own(tmp_path: Path):
    program = (
        "import spprof\nfrom spprof import memprof\nspprof.start(1)\nn = 10**6\nwhile n: n -= 1\n"
        "print(spprof.stop().sample_count > 0, spprof.is_active(), memprof.is_active())\n"
    )
    finished = run(tmp_path, program, "heap")
    assert (finished.stdout, finished.stderr) == ("True False True\n", "")


def test_after_the_time_of_a_run_starts_are_the_programs_own(tmp_path: Path):
    finished = under_run(tmp_path, str(specimen("joining/after_the_time")), options=("--for", "0.05"))
    assert finished.stdout == "child True 1\nFalse True\n", finished.stderr
    assert SAYS not in finished.stderr
    assert files(tmp_path) == ["a.pb.gz"]


@pytest.mark.parametrize("how", ["run", "SPPROF"])
def test_a_place_of_the_programs_own_that_is_gone_costs_the_run_nothing(tmp_path: Path, how: str):
    program = HOLDS + (
        "import os, spprof\nos.mkdir('gone')\nspprof.start(output_path='gone/x.pb.gz')\nn = 10**7\n"
        "while n: n -= 1\nos.rmdir('gone')\n"
    )
    (tmp_path / "program.py").write_text(program)
    if how == "run":
        finished = under_run(tmp_path, "program.py", options=("--cpu", "1"))
    else:
        finished = run(tmp_path, program, "heap,cpu=1,out=a.pb.gz")
    assert finished.returncode == 0
    assert (
        finished.stderr.count("spprof: cannot complete what the program's own spprof.start() requested: No such file")
        == 1
    )
    assert len(files(tmp_path)) == 2
    for name in files(tmp_path):
        assert read_profile(str(tmp_path / name)).samples


def test_a_child_of_a_thread_has_blocks_of_its_own(tmp_path: Path):
    """If another thread was in a block when the process forked, that block never ends in the child."""
    assert run(tmp_path, specimen("joining/fork_beside_a_block"), "cpu=1").stdout == "True\nNone\nTrue\n"
