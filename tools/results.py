"""Keeps the results of test runs as JUnit files in build/results, and counts them.

python3 tools/results.py record NAME JUNIT_FILE COMMAND...    JUNIT_FILE: where the command reports; "-": it does not
python3 tools/results.py sum

Recording always exits with 0: a command that failed without reporting a failed test is kept as one failure. The sum
exits with 1 if anything failed or no test ran. Its last line reads "N passed, N failed".
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

RESULTS = Path("build/results")
LIMIT_SECONDS = 3 * 3600


class Counts(NamedTuple):
    passed: int
    failed: list[str]
    skipped: list[tuple[str, str]]


def read(file: Path) -> Counts:
    passed, failed, skipped = 0, [], []
    for case in ElementTree.parse(file).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        why_skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(name)
        elif why_skipped is not None:
            skipped.append((name, why_skipped.get("message") or "no reason given"))
        else:
            passed += 1
    return Counts(passed, failed, skipped)


def write_failure(file: Path, name: str, reason: str) -> None:
    suite = ElementTree.Element("testsuite", name=name)
    case = ElementTree.SubElement(suite, "testcase", classname=name, name=reason)
    ElementTree.SubElement(case, "failure", message=reason)
    ElementTree.ElementTree(suite).write(file)


def record(name: str, junit: str, command: list[str]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    if junit != "-":
        Path(junit).unlink(missing_ok=True)
    started = time.monotonic()
    try:
        status = f"exit status {subprocess.run(command, timeout=LIMIT_SECONDS).returncode}"
    except subprocess.TimeoutExpired:
        status = f"still running after {LIMIT_SECONDS} s"
    print(f"{name}: {status} after {time.monotonic() - started:.0f} s", flush=True)
    report = RESULTS / f"{name}.xml"
    if junit != "-" and Path(junit).exists() and Path(junit) != report:
        shutil.copyfile(junit, report)
    reported = report.exists() and read(report).failed
    if status != "exit status 0" and not reported:
        write_failure(RESULTS / f"{name}-status.xml", name, status)


def total() -> bool:
    """Prints what was recorded. False: something failed, or there was nothing."""
    runs = {file.stem: read(file) for file in sorted(RESULTS.glob("*.xml"))}
    print_skipped(runs)
    for name, run in runs.items():
        for test in run.failed:
            print(f"FAILED {name}: {test}")
    for name, run in runs.items():
        print(f"{name:24} {run.passed:5} passed {len(run.failed):5} failed {len(run.skipped):5} skipped")
    passed, failed = sum(run.passed for run in runs.values()), sum(len(run.failed) for run in runs.values())
    print(f"{passed} passed, {failed} failed")
    return failed == 0 and passed > 0


def print_skipped(runs: dict[str, Counts]) -> None:
    for name, run in runs.items():
        for test, reason in run.skipped:
            print(f"SKIPPED {name}: {test}: {reason}")


def main() -> None:
    if sys.argv[1:2] == ["record"] and len(sys.argv) > 4:
        record(sys.argv[2], sys.argv[3], sys.argv[4:])
    elif sys.argv[1:] == ["sum"]:
        sys.exit(0 if total() else 1)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
