"""tools/results.py: what counts as a failure, and how a test that fails by chance is reported."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from specimens import specimen

TOOL = [sys.executable, str(ROOT / "tools" / "results.py")]
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]

FAILS = """
import pathlib, pytest

@pytest.mark.parametrize("how", ["plain", "a-b c/d::e[f]"])
def test_luck(how):
    tries = pathlib.Path("tries.txt")
    tried = tries.read_text().splitlines() if tries.exists() else []
    tries.write_text("\\n".join([*tried, how]))
    assert tried.count(how) >= {failures}

def test_good():
    pass
"""


class Runs:
    """A folder with its own results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "pytest.ini").write_text("[pytest]\naddopts = -q\n")

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "RESULTS": "results"}
        for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"):
            environment.pop(name, None)
        return subprocess.run(
            [*TOOL, *words], cwd=self.folder, env=environment, capture_output=True, encoding="utf-8", check=False
        )

    def record(self, name: str, *command: str) -> None:
        assert self.call("record", name, "--", *command).returncode == 0

    def record_pytest(self, text: str, *command: str) -> None:
        (self.folder / "test_file.py").write_text(text)
        how = ("--pytest", "reported.xml", shlex.join(PYTEST))
        run = command or (*PYTEST, "--junitxml=reported.xml", "test_file.py")
        assert self.call("record", "suite", *how, "--", *run).returncode == 0

    def sum(self) -> tuple[int, list[str]]:
        finished = self.call("sum")
        assert finished.stderr == ""
        return finished.returncode, finished.stdout.splitlines()


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def lines_with(word: str, lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith(f"{word} ")]


def test_what_passes_is_counted(runs: Runs) -> None:
    runs.record_pytest(FAILS.format(failures=0))
    status, lines = runs.sum()
    assert (status, lines[-1]) == (0, "3 passed, 0 failed")
    assert lines_with("FLAKY", lines) == lines_with("FAILED", lines) == []


def test_a_test_that_fails_once_is_flaky_and_named(runs: Runs) -> None:
    runs.record_pytest(FAILS.format(failures=1))
    status, lines = runs.sum()
    assert (status, lines[-1]) == (0, "3 passed, 0 failed")
    flaky = lines_with("FLAKY", lines)
    assert [line.split(" failed,")[0] for line in flaky] == [
        "FLAKY suite: test_file.py::test_luck[plain]",
        "FLAKY suite: test_file.py::test_luck[a-b c/d::e[f]]",
    ]
    (command, *_) = [line.partition("alone: ")[2] for line in lines if line.lstrip().startswith("alone: ")]
    assert "test_file.py::test_luck[plain]" in shlex.split(command)
    again = runs.sum()
    assert (again[0], again[1][-1]) == (0, "3 passed, 0 failed"), "a sum is the same the next time"
    assert (runs.folder / "tries.txt").read_text().split("\n").count("plain") == 2


def test_a_test_that_fails_twice_fails(runs: Runs) -> None:
    runs.record_pytest(FAILS.format(failures=2))
    status, lines = runs.sum()
    assert (status, lines[-1]) == (1, "1 passed, 2 failed")
    assert lines_with("FAILED suite:", lines) == [
        "FAILED suite: test_file.py::test_luck[plain]",
        "FAILED suite: test_file.py::test_luck[a-b c/d::e[f]]",
    ]


def test_twenty_one_failures_are_not_run_again(runs: Runs) -> None:
    many = (
        "import pytest\n@pytest.mark.parametrize('n', range(21))\ndef test_it(n):\n    print('ran', n)\n    assert 0\n"
    )
    runs.record_pytest(many)
    status, lines = runs.sum()
    assert (status, lines[-1]) == (1, "0 passed, 21 failed")
    assert lines_with("====", lines) == []


def test_a_module_that_cannot_be_imported_fails(runs: Runs) -> None:
    runs.record_pytest("import no_such_module")
    status, lines = runs.sum()
    assert (status, lines[-1]) == (1, "0 passed, 2 failed"), "pytest's status says more than that tests failed"
    assert lines_with("FAILED", lines)[0] == "FAILED suite: test_file.py"


@pytest.mark.parametrize("status", [0, 1, 3, 5])
def test_a_suite_that_reports_nothing_fails(runs: Runs, status: int) -> None:
    runs.record_pytest("", sys.executable, "-c", f"raise SystemExit({status})")
    failed, lines = runs.sum()
    assert (failed, lines[-1]) == (1, "0 passed, 1 failed")


def test_an_old_report_is_not_taken_for_a_new_one(runs: Runs) -> None:
    runs.record_pytest(FAILS.format(failures=0))
    runs.record_pytest("", sys.executable, "-c", "raise SystemExit(0)")
    assert runs.sum()[1][-1] == "0 passed, 1 failed"


def test_a_suite_that_crashes_behind_its_tests_fails(runs: Runs) -> None:
    crash = "import os, pytest\npytest.main(['--junitxml=reported.xml', 'test_file.py'])\nos.abort()"
    runs.record_pytest("def test_good(): pass", sys.executable, "-c", crash)
    status, lines = runs.sum()
    assert (status, lines[-1]) == (1, "1 passed, 1 failed")
    assert lines_with("FAILED", lines) == ["FAILED suite: the command: exit status -6"]


def test_a_run_that_never_ended_fails(runs: Runs) -> None:
    runs.record_pytest(FAILS.format(failures=0))
    runs.call("record", "killed", "--", "sh", "-c", "kill -9 $PPID")
    status, lines = runs.sum()
    assert (status, lines[-1]) == (1, "3 passed, 1 failed")


def test_a_command_without_tests_is_judged_by_its_status(runs: Runs) -> None:
    runs.record_pytest("def test_good(): pass")
    runs.record("lint", "true")
    assert runs.sum()[1][-1] == "1 passed, 0 failed"
    runs.record("lint", "false")
    assert runs.sum()[1][-1] == "1 passed, 1 failed"


def test_nothing_at_all_fails(runs: Runs) -> None:
    assert runs.sum()[0] == 1
    runs.record("lint", "true")
    assert runs.sum()[0] == 1


def test_tests_that_are_all_skipped_were_run(runs: Runs) -> None:
    runs.record_pytest("def test_good(): pass")
    runs.call("record", "all-skipped", "--pytest", "r.xml", shlex.join(PYTEST), "--", "sh", "-c", ALL_SKIPPED)
    status, lines = runs.sum()
    assert status == 0
    assert lines_with("SKIPPED", lines) == ["SKIPPED all-skipped: t/test_x.py::test_x: why"]


ALL_SKIPPED = (
    'echo \'<testsuites><testsuite><testcase classname="t.test_x" name="test_x"><skipped message="why"/>'
    "</testcase></testsuite></testsuites>' > r.xml"
)


@pytest.mark.parametrize("fixed", [True, False], ids=["flaky", "failed"])
def test_programs_of_meson_are_run_again_as_a_whole(runs: Runs, fixed: bool) -> None:
    command = [sys.executable, str(specimen("results/meson_test"))]
    how = ("--meson", "logs/testlog.junit.xml", shlex.join(command))
    runs.call("record", "c", *how, "--", *command, "test_one", "test_WILL_FAIL")
    if fixed:
        (runs.folder / "fixed.txt").write_text("test_WILL_FAIL")
    status, lines = runs.sum()
    assert status == (0 if fixed else 1)
    assert lines[-1] == ("3 passed, 0 failed" if fixed else "2 passed, 1 failed")
    named = lines_with("FLAKY" if fixed else "FAILED", lines)
    assert [line.startswith(f"{'FLAKY' if fixed else 'FAILED'} c: test_WILL_FAIL") for line in named] == [True]


def test_seconds_are_kept_and_shown(runs: Runs) -> None:
    runs.record("lint", sys.executable, "-c", "sum(range(10**6))")
    kept = json.loads((runs.folder / "results" / "lint.json").read_text())
    assert isinstance(kept["seconds"], float)
    assert isinstance(kept["cpu_seconds"], float)
    assert any(line.startswith("lint ") for line in runs.sum()[1])
