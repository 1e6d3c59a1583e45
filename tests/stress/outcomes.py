"""How the tests of a suite that is not ours ended, and which of them ended otherwise beside the profilers."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

PASSED = "passed"
NOT_PASSED = ("failure", "error", "skipped")
"""What a JUnit file calls the others."""


def read(report: Path) -> dict[str, str]:
    """How each test of a JUnit file ended, by its name. Empty if the file is missing or incomplete."""
    found: dict[str, str] = {}
    try:
        cases = list(ElementTree.parse(report).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return found
    for case in cases:
        name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
        how = next((part.tag for part in case if part.tag in NOT_PASSED), PASSED)
        if name and found.get(name, PASSED) == PASSED:  # of several of one name the one that did not pass
            found[name] = how
    return found


def changed(alone: dict[str, str], beside: dict[str, str]) -> set[str]:
    """Names of tests that ended in two ways, or were in one of the two alone."""
    return {name for name in alone.keys() | beside.keys() if alone.get(name) != beside.get(name)}
