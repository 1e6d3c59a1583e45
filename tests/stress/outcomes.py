"""How the tests of a third-party suite ended, and which of them had different outcomes under the profilers."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

PASSED = "passed"
NOT_PASSED = ("failure", "error", "skipped")
"""JUnit's elements for tests that did not pass."""


def read(report: Path) -> dict[str, str]:
    """Return how each test in a JUnit file ended, keyed by name. The result is empty if the file is missing or
    incomplete.
    """
    found: dict[str, str] = {}
    try:
        cases = list(ElementTree.parse(report).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return found
    for case in cases:
        name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
        how = next((part.tag for part in case if part.tag in NOT_PASSED), PASSED)
        if name and found.get(name, PASSED) == PASSED:  # if several tests have one name, keep the one that did not pass
            found[name] = how
    return found


def changed(alone: dict[str, str], beside: dict[str, str]) -> set[str]:
    """Return the tests whose outcomes differ, or that are in only one of the two runs."""
    return {name for name in alone.keys() | beside.keys() if alone.get(name) != beside.get(name)}
