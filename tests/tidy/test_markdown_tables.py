"""tools/markdown_tables.py makes tables that end by column 120."""

from __future__ import annotations

import sys

from conftest import ROOT

sys.path.append(str(ROOT / "tools"))  # after the standard library, because the folder has a venv.py
import markdown_tables


def test_a_narrow_table_stays_one() -> None:
    lines = markdown_tables.table(["name", "bytes"], [["a|b", "1"], ["c", ""]], alignments=["---", "---:"])
    assert lines == ["| name | bytes |", "|---|---:|", "| a\\|b | 1 |", "| c | |"]


def test_a_wide_table_is_split_and_each_part_names_its_rows() -> None:
    lines = markdown_tables.table(["name", "kind", *"abc"], [["n", "k", *("x" * 50 for _ in "abc")]], keys=2)
    long = "x" * 50
    assert lines == [
        "| name | kind | a | b |", "|---|---|---|---|", f"| n | k | {long} | {long} |", "",
        "| name | kind | c |", "|---|---|---|", f"| n | k | {long} |",
    ]  # fmt: skip


def test_a_column_that_is_too_wide_by_itself_becomes_a_list() -> None:
    lines = markdown_tables.table(["name", "why", "n"], [["a", "word " * 40, "1"], ["b", "", "2"]])
    assert lines[:6] == ["| name | n |", "|---|---|", "| a | 1 |", "| b | 2 |", "", "Why:"]
    assert lines[7].startswith("- a: word word")
    assert lines[8].startswith("  word")
    assert max(map(len, lines)) <= markdown_tables.LAST_COLUMN


def test_a_page_is_rewritten_where_a_table_is_wide() -> None:
    wide = f"| name | a | b |\n|---|---:|---:|\n| n | {'x' * 80} | {'y' * 80} |"
    page = f"# Head\n\n| name | a |\n|---|---|\n| n | 1 |\n\n{wide}\n\nEnd.\n"
    assert markdown_tables.rewritten(page, 1) == (
        "# Head\n\n| name | a |\n|---|---|\n| n | 1 |\n\n"
        f"| name | a |\n|---|---:|\n| n | {'x' * 80} |\n\n| name | b |\n|---|---:|\n| n | {'y' * 80} |\n\nEnd.\n"
    )
    assert markdown_tables.rewritten(markdown_tables.rewritten(page, 1), 1) == markdown_tables.rewritten(page, 1)
