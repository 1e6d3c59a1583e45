"""What tests/stress/cpython_suite.py counts as a difference. No process of a test suite outlives its run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from fnmatch import fnmatchcase as fnmatch
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "tests" / "stress"))
import cpython_suite
import outcomes
from cpython_suite import ENDING, PLAIN, WATCHED, Run

EXPLANATIONS = cpython_suite.explanations()
COMMITTED = cpython_suite.TABLE.read_text()


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpython_suite, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(cpython_suite, "TABLE", tmp_path / "CPYTHON.md")
    monkeypatch.setattr(cpython_suite, "identity", lambda: ("commit", "engine"))
    monkeypatch.setattr(cpython_suite, "explanations", lambda: [("test.known.*", "for a reason")])


def keep(way: str, *runs: dict[str, str], module: str = "test_a") -> None:
    for number, cases in enumerate(runs):
        file = cpython_suite.record(way, module, number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(Run(module, 1, [10, 5], {ENDING: "reported", **cases}))))


def test_outcomes_are_those_of_the_report(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        '<s><testcase name="a"/><testcase classname="c" name="b"><system-out/><skipped/></testcase>'
        '<testcase name="d"><failure/></testcase><testcase name="d"/><testcase/></s>'
    )
    assert outcomes.read(report) == {"a": "passed", "c.b": "skipped", "d": "failure"}
    report.write_text("<s><testcase")
    assert outcomes.read(report) == {}


def test_failures_that_the_report_leaves_out_are_found_in_the_output(tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    said.write_text(
        "FAIL: test_x (test.test_a.C.test_x) (n=3)\nERROR: setUpClass (test.test_a.D)\nok: x (test.test_a.x)\n"
    )
    assert cpython_suite.failures(said) == {"test.test_a.C.test_x": "failure", "test.test_a.D.setUpClass": "error"}


def test_what_fails_without_us_too_is_no_difference() -> None:
    keep(PLAIN, {"a": "passed", "b": "failure"})
    keep(WATCHED, {"a": "passed", "b": "failure"})
    assert cpython_suite.differences("test_a") == []


def test_what_ends_in_several_ways_without_us_is_no_difference() -> None:
    keep(PLAIN, {"a": "passed"}, {"a": "failure"})
    keep(WATCHED, {"a": "failure"}, {"a": "passed"})
    assert cpython_suite.differences("test_a") == []


def test_what_differs_again_stays_and_has_its_reason() -> None:
    keep(PLAIN, *[{"test.known.a": "passed", "b": "passed", "c": "passed"}] * 4)
    failed = {"test.known.a": "failure", "b": "error", "c": "passed"}
    keep(WATCHED, {**failed, "c": "failure"}, *[failed] * 3)
    found = {one.case: (one.times, one.stays, one.reason) for one in cpython_suite.differences("test_a")}
    assert found == {"test.known.a": (4, True, "for a reason"), "b": (4, True, ""), "c": (1, False, "")}


@pytest.mark.parametrize("ending", ["ended by SIGSEGV", "hung"])
def test_a_crash_or_a_hang_stays_even_if_it_came_once(ending: str) -> None:
    keep(PLAIN, *[{"a": "passed"}] * 4)
    keep(WATCHED, {ENDING: ending}, *[{"a": "passed"}] * 3)
    (found,) = cpython_suite.differences("test_a")
    assert (found.case, found.times, found.stays) == (ENDING, 1, True)


def test_a_case_that_is_missing_differs() -> None:
    keep(PLAIN, {"a": "passed", "b": "passed"})
    keep(WATCHED, {"a": "passed"})
    assert [(one.case, one.watched) for one in cpython_suite.differences("test_a")] == [("b", ["missing"])]


def test_the_table_counts_cases_and_names_what_is_left_out() -> None:
    keep(PLAIN, *[{"a": "passed", "b": "skipped", "c": "passed"}] * 2)
    keep(WATCHED, *[{"a": "failure", "b": "skipped", "c": "passed"}] * 2)
    keep(PLAIN, {ENDING: "hung"}, module="test_slow")
    cpython_suite.write_table(["test_a", "test_slow"], cpython_suite.differences("test_a"))
    text = cpython_suite.TABLE.read_text()
    assert "| commit | engine | 1 | 3 | 2 | 1 | 0 | 1 | 1 |" in text
    assert "| test_a | a | passed | failure | 2 of 2 | UNEXPLAINED |" in text
    assert "- test_slow: hung" in text


def test_each_difference_that_is_explained_is_in_the_committed_table() -> None:
    assert EXPLANATIONS
    rows = [line.split(" | ") for line in COMMITTED.splitlines() if line.startswith("| test")]
    names = {f"{module[2:]} {case}" if case.startswith("(") else case for module, case, *_ in rows}
    unseen = [pattern for pattern, _ in EXPLANATIONS if not any(fnmatch(name, pattern) for name in names)]
    assert unseen == []


def test_the_committed_table_has_the_whole_suite_and_no_difference_without_a_reason() -> None:
    totals = next(line for line in COMMITTED.splitlines() if line.startswith("| 20")).strip("| ").split(" | ")
    counts = dict(zip(cpython_suite.COLUMNS, totals))
    assert int(counts["modules"]) >= 300
    assert int(counts["cases"]) >= 10_000
    assert counts["unexplained"] == "0"
    assert "UNEXPLAINED" not in COMMITTED


PROGRAM = """
import subprocess, sys
sys.path.insert(0, sys.argv[1])
import cpython_suite
cpython_suite.LEFT_BEHIND_SECONDS = 0
cpython_suite.prepare_worker()
orphan = "import subprocess as s; print(s.Popen(['sleep', '1000'], start_new_session=True, stdout=s.DEVNULL).pid)"
pid = int(subprocess.run([sys.executable, "-c", orphan], stdout=subprocess.PIPE).stdout)
print(pid, cpython_suite.left_behind())
cpython_suite.end_children()
"""


def test_processes_that_a_test_leaves_behind_are_counted_and_ended() -> None:
    asked = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT / "tests" / "stress")], stdout=subprocess.PIPE, text=True, check=True
    )
    pid, left = map(int, asked.stdout.split())
    try:
        os.kill(pid, signal.SIGKILL)
        ended = False
    except ProcessLookupError:
        ended = True
    assert (left, ended) == (1, True)
