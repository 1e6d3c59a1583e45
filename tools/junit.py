"""Reads the reports of pytest and meson, down to the tests that have to be run again after a failure."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Counts:
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    """Node ids for pytest, or programs for meson."""
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """Names of skipped tests, with the reasons."""

    @property
    def tests(self) -> int:
        return self.passed + len(self.failed) + len(self.skipped)


def read(file: Path) -> Counts:
    """Count the tests of a JUnit file. If a crash has left the file missing or incomplete, it has none."""
    counts = Counts()
    try:
        cases = list(ElementTree.parse(file).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return counts
    for case in cases:
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            counts.failed.append(node_id(case))
        elif skipped is not None:
            counts.skipped.append((node_id(case), skipped.get("message") or "no reason given"))
        else:
            counts.passed += 1
    counts.failed = list(dict.fromkeys(counts.failed))  # pytest reports a test twice if it fails and its cleanup fails
    return counts


def read_meson(file: Path) -> Counts:
    """Count meson's programs. A program fails as a whole, because it may crash after its last subtest."""
    counts = read(file)
    try:
        results = [json.loads(line) for line in programs_of(file).read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return Counts()
    good = ("OK", "SKIP", "EXPECTEDFAIL")
    counts.failed = [str(result["name"]).rpartition(":")[2] for result in results if result["result"] not in good]
    return counts


def programs_of(file: Path) -> Path:
    """Return the file next to meson's JUnit file in which meson writes how each program ended."""
    return file.with_name(file.name.replace(".junit.xml", ".json"))


def node_id(case: ElementTree.Element) -> str:
    """Return pytest's name for a test: tests.python.test_api and test_x[1] become tests/python/test_api.py::test_x[1].

    A module that cannot be imported is reported without a class name.
    """
    module, name = str(case.get("classname") or ""), str(case.get("name"))
    if not module:
        return f"{name.replace('.', '/')}.py"
    found = re.fullmatch(r"((?:\w+\.)*test_\w+)((?:\.\w+)*)", module)
    if found is None:
        return f"{module}: {name}"
    file, classes = found[1].replace(".", "/"), found[2].replace(".", "::")
    return f"{file}.py{classes}::{name}"
