"""docs/safety.md names the test behind each promise; these tests check that each named test exists."""

from __future__ import annotations

import re

from conftest import ROOT, sources

PAGE = ROOT / "docs/safety.md"
CODE = re.compile(r"`([^`]+)`")
DEFINED = re.compile(r"^\s*(?:async )?def (test_\w+)|^TEST\((test_\w+)\)", re.MULTILINE)
HOLDING_COLUMNS = ("held by", "held since by")
NO_PROMISE = "cases of CPython's"
"""A column of the table of differences, which test_cpython_suite.py covers."""


def rows() -> list[dict[str, str]]:
    """Return the rows of the page's tables by column name."""
    found, head = [], None
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else None
        if cells is None or head is None:
            head = cells
        elif not set(line) <= set("|-: "):
            found.append(dict(zip(head, cells)))
    return found


def holders(row: dict[str, str]) -> str:
    return " ".join(row[column] for column in HOLDING_COLUMNS if column in row)


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
    assert len(rows()) > 30
    promises = [row for row in rows() if NO_PROMISE not in row]
    assert [row for row in promises if not CODE.search(holders(row))] == []


def test_whatever_is_named_exists() -> None:
    page = PAGE.read_text()
    named = {name for row in rows() for name in CODE.findall(holders(row))}
    named |= {name for name in CODE.findall(page) if name.startswith("test_")}
    assert sorted(name for name in named if not exists(name)) == []


def test_every_specimen_holds_a_promise() -> None:
    named = {name for row in rows() for name in CODE.findall(holders(row))}
    assert sorted(specimens() - named) == []
