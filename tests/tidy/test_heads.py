"""Every page that a script writes begins with the script's text, so a change to the text must be made in both."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from conftest import ROOT, tracked

PAGE_NAME = re.compile(r"[\"'](\w+\.md)[\"']")


def written_pages() -> dict[Path, tuple[Path, str]]:
    """Return the page that each script writes (its TABLE), and a pattern for the text that the page begins with (its
    HEAD).
    """
    pages = [page for page in tracked("*.md") if page.parts[0] in ("bench", "tests")]
    found = {}
    for script in tracked("tests/*.py", "bench/*.py"):
        assigned = {
            target.id: node.value
            for node in ast.parse((ROOT / script).read_text(encoding="utf-8")).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        name = PAGE_NAME.search(ast.unparse(assigned["TABLE"])) if "TABLE" in assigned else None
        head = pattern_of(assigned["HEAD"]) if "HEAD" in assigned else ""
        if name and head:
            named = [page for page in pages if page.name == name[1]]
            if named:  # otherwise, the script has not been run yet
                found[script] = (min(named, key=lambda page: page.parent != script.parent), head)
    return found


def pattern_of(head: ast.expr) -> str:
    """Return a pattern for a string. Its fields, in an f-string or for ``format``, match anything."""
    if isinstance(head, ast.JoinedStr):
        return "".join(pattern_of(part) for part in head.values)
    if isinstance(head, ast.Constant) and isinstance(head.value, str):
        return ".+?".join(map(re.escape, re.split(r"\{[^}]*\}", head.value)))
    return ".+?"


PAGES = written_pages()


@pytest.mark.parametrize("script", PAGES, ids=str)
def test_a_page_begins_as_its_script_writes_it(script: Path) -> None:
    page, head = PAGES[script]
    assert re.match(head, (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_scripts_that_write_pages_are_found() -> None:
    assert {script.name for script in PAGES} >= {"sweep_endings.py", "sweep_resident.py", "cpython_suite.py"}
