"""Runs test commands, keeps and counts their results, and runs each failed test once more.

python3 tools/results.py record NAME                              -- COMMAND...     a command without tests
python3 tools/results.py record NAME --pytest JUNIT "PYTEST..."   -- COMMAND...     PYTEST...: runs one test, named last
python3 tools/results.py record NAME --meson  JUNIT "MESON..."    -- COMMAND...     MESON...: runs one program
python3 tools/results.py sum

Results are kept in the folder RESULTS (build/results). Recording always exits with 0. The sum runs each failed test
once more, alone, and calls it flaky if it passes. It exits with 1 if a test failed twice, if a command failed in
another way, or if a command that has tests reported none. Its last line reads "N passed, N failed".
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import junit

RESULTS = Path(os.environ.get("RESULTS") or "build/results")
LIMIT_SECONDS = 3 * 3600
RUN_AGAIN_AT_MOST = 20
"""If one record has more failures than this, they are not due to chance."""


@dataclass
class Record:
    name: str
    command: list[str]
    runner: str = ""
    """"pytest", "meson", or "" if the command has no tests."""
    alone: list[str] = field(default_factory=list)
    """The command that runs a single test, whose name is appended."""
    status: str = "it did not end"
    seconds: float = 0
    cpu_seconds: float = 0
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    flaky: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    judged: bool = False

    def write(self) -> None:
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / f"{self.name}.json").write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def report(self) -> Path:
        """Return the path where the record's JUnit file is kept."""
        return RESULTS / f"{self.name}.xml"

    def command_alone(self, test: str) -> list[str]:
        """Return the command that runs one test. pytest's report is written to a file next to that of the record."""
        options = [f"--junitxml={RESULTS / 'alone.xml'}"] if self.runner == "pytest" else []
        return [*self.alone, *options, test]


def run_record(record: Record, reported: Path) -> None:
    """Run the command. If this process is killed, an unfinished record remains."""
    record.write()
    if record.runner:
        for old in {reported, junit.programs_of(reported), record.report()}:
            old.unlink(missing_ok=True)
    before, started = cpu_seconds(), time.monotonic()
    try:
        record.status = f"exit status {subprocess.run(record.command, timeout=LIMIT_SECONDS).returncode}"
    except subprocess.TimeoutExpired:
        record.status = f"still running after {LIMIT_SECONDS} s"
    except OSError as error:
        record.status = str(error)
    record.seconds, record.cpu_seconds = time.monotonic() - started, cpu_seconds() - before
    if record.runner:
        counts = junit.read_meson(reported) if record.runner == "meson" else junit.read(reported)
        record.passed, record.failed, record.skipped = counts.passed, counts.failed, counts.skipped
        if reported.exists() and reported.resolve() != record.report().resolve():
            shutil.copyfile(reported, record.report())
    record.write()
    print(f"{record.name}: {record.status} after {record.seconds:.0f} s", flush=True)


def cpu_seconds() -> float:
    """Return the CPU time of all processes that were started and waited for here."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# ---- The sum


def judge(record: Record) -> None:
    """Decide which failures count: tests that failed again when run alone, and failures of the command itself."""
    if record.judged:
        return
    whole = record.status == f"exit status {expected_status(record)}"
    if whole and len(record.failed) <= RUN_AGAIN_AT_MOST:
        record.flaky = [test for test in record.failed if passes_alone(record, test)]
    record.failed = [test for test in record.failed if test not in record.flaky]
    record.passed += len(record.flaky)
    if not whole:
        record.failed.append(f"the command: {record.status}")
    elif record.runner and not (record.passed or record.failed or record.skipped):
        record.failed.append("the command: it reported no tests")
    record.judged = True
    record.write()


def expected_status(record: Record) -> int:
    """Return the runner's exit status for the case that tests failed and nothing else did."""
    return len(record.failed) if record.runner == "meson" else min(len(record.failed), 1)


def passes_alone(record: Record, test: str) -> bool:
    if not record.alone:
        return False
    command = record.command_alone(test)
    print(f"\n==== {record.name}: {test} failed; running it again: {shlex.join(command)}", flush=True)
    (RESULTS / "alone.xml").unlink(missing_ok=True)
    try:
        passed = subprocess.run(command, timeout=LIMIT_SECONDS, stdin=subprocess.DEVNULL).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        passed = False
    if passed and record.runner == "pytest":
        counts = junit.read(RESULTS / "alone.xml")
        passed = counts.passed > 0 and not counts.failed
    return passed


def read_records(folder: Path) -> list[Record]:
    found = [Record(**json.loads(file.read_text(encoding="utf-8"))) for file in folder.glob("*.json")]
    return sorted(found, key=lambda record: record.name)


def total() -> bool:
    """Print the results. Return False if something failed, or if there were no results."""
    records = read_records(RESULTS)
    for record in records:
        judge(record)
    for record in records:
        for test, reason in record.skipped:
            print(f"SKIPPED {record.name}: {test}: {reason}")
    for record in records:
        for test in record.flaky:
            print(f"FLAKY {record.name}: {test} failed, then passed alone: fix it with the next change")
            print(f"      the run was: {shlex.join(record.command)}")
            print(f"      alone: {shlex.join(record.command_alone(test))}")
    for record in records:
        for test in record.failed:
            print(f"FAILED {record.name}: {test}")
    print_table(records)
    passed, failed = sum(record.passed for record in records), sum(len(record.failed) for record in records)
    print(f"{passed} passed, {failed} failed")
    return failed == 0 and passed > 0


def print_table(records: list[Record]) -> None:
    print(f"{'':24} passed failed  flaky skipped  seconds  CPU seconds")
    for record in records:
        counts = f"{record.passed:6} {len(record.failed):6} {len(record.flaky):6} {len(record.skipped):7}"
        print(f"{record.name:24} {counts} {record.seconds:8.0f} {record.cpu_seconds:12.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    recorder = verbs.add_parser("record")
    recorder.add_argument("name")
    runner = recorder.add_mutually_exclusive_group()
    runner.add_argument("--pytest", nargs=2)
    runner.add_argument("--meson", nargs=2)
    recorder.add_argument("command", nargs="+")
    verbs.add_parser("sum")
    asked = parser.parse_args()
    if asked.verb == "sum":
        sys.exit(0 if total() else 1)
    name = "pytest" if asked.pytest else "meson" if asked.meson else ""
    reported, alone = asked.pytest or asked.meson or ("", "")
    run_record(Record(asked.name, asked.command, name, shlex.split(alone)), Path(reported))


if __name__ == "__main__":
    main()
