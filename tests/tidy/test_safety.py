"""docs/safety.md names the test behind each promise. These tests check that each named test exists."""

from __future__ import annotations

import re

from conftest import ROOT, sources

PAGE = ROOT / "docs/safety.md"
CODE = re.compile(r"`([^`]+)`")
DEFINED = re.compile(r"^\s*(?:async )?def (test_\w+)|^TEST\((test_\w+)\)", re.MULTILINE)
NO_PROMISES = ("What a program can observe", "What is not covered, and why")
"""Headings of the lists that promise nothing. test_cpython_suite.py covers the first list."""


def sections() -> dict[str, str]:
    """Return the text below each second-level heading."""
    _, *parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {heading: text for heading, _, text in (part.partition("\n") for part in parts)}


def promises() -> list[tuple[str, str]]:
    """Return each promise with the test that backs it: the items of the lists, and the item below each."""
    found = []
    for heading, text in sections().items():
        if heading not in NO_PROMISES:
            for item in re.split(r"^- ", text, flags=re.MULTILINE)[1:]:
                promise, _, below = item.partition("\n  - ")
                found.append((promise, below.partition("\n\n")[0]))
    return found


def known_tests() -> set[str]:
    """Return every test function, and every test file with and without its suffix."""
    names = set()
    for file in [*sources("tests", pattern="test_*.py"), *sources("tests", pattern="test_*.c")]:
        names |= {file.name, file.stem}
        names |= {python or c for python, c in DEFINED.findall((ROOT / file).read_text())}
    return names


def specimens() -> set[str]:
    return {file.stem for file in sources("tests/stress/specimens", pattern="*.py")}


def exists(name: str) -> bool:
    if name.startswith("make "):
        target = name.split()[1]
        return re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE) is not None
    if "/" in name:
        return (ROOT / name).is_file()
    return name in (known_tests() if name.startswith("test_") else specimens())


def test_every_promise_names_what_holds_it() -> None:
    assert len(promises()) > 100
    assert [promise for promise, holders in promises() if not CODE.search(holders)] == []


def test_whatever_is_named_exists() -> None:
    page = PAGE.read_text(encoding="utf-8")
    named = {name for _, holders in promises() for name in CODE.findall(holders)}
    named |= {name for name in CODE.findall(page) if re.fullmatch(r"test_\w+(\.py)?", name)}
    assert sorted(name for name in named if not exists(name)) == []


def test_every_specimen_holds_a_promise() -> None:
    named = {name for promise in promises() for text in promise for name in CODE.findall(text)}
    assert sorted(specimens() - named) == []
