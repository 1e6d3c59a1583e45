"""Lines end by column 120, so that two files fit side by side on a screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROOT, sources, tracked

LAST_COLUMN = 120
CONTRACT = Path("docs/quickstart.md")
"""This page is kept word for word."""
FOLDERS = ("src", "include", "python", "tests", "bench", "tools", "examples")


def long_lines(file: Path) -> list[str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return [f"{file}:{number}" for number, line in enumerate(lines, start=1) if len(line) > LAST_COLUMN]


@pytest.mark.parametrize("pattern", ["*.c", "*.h", "*.py", "*.pyi", "*.js"])
def test_lines_end_by_the_last_column(pattern: str) -> None:
    assert [place for file in sources(*FOLDERS, pattern=pattern) for place in long_lines(file)] == []


@pytest.mark.parametrize("file", [file for file in tracked("*.md") if file != CONTRACT], ids=str)
def test_lines_of_markdown_end_by_the_last_column(file: Path) -> None:
    assert long_lines(file) == []
