"""Makes Markdown tables that end by column 120.

    python tools/markdown_tables.py [--keys N] FILE…      rewrites the tables of these files that are wider

A table that is too wide becomes several, each with the columns that name the row:

    | program | mode | a | b | c | d |   ──►   | program | mode | a | b |      | program | mode | c | d |

A column whose text alone is too long becomes a list below the tables: "- program, mode: text".
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

LAST_COLUMN = 120
LEFT, RIGHT = "---", "---:"
_SEPARATOR = re.compile(r"\|(\s*:?-+:?\s*\|)+")


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, keys: int = 1, alignments: Sequence[str] = ()
) -> list[str]:
    """Return the lines of a table, or of several tables with a blank line between them.

    The first ``keys`` columns name a row and are repeated. ``alignments`` holds ``---`` or ``---:`` for each column; by
    default, all columns are left-aligned.
    """
    cells = [[*map(_escaped, row)] for row in [columns, *rows]]
    aligned = alignments or [LEFT] * len(columns)
    fitting: list[int] = []
    long: list[int] = []
    for number in range(keys, len(columns)):
        (fitting if _width(cells, aligned, [*range(keys), number]) <= LAST_COLUMN else long).append(number)
    parts = [_rendered(cells, aligned, [*range(keys), *group]) for group in _groups(cells, aligned, keys, fitting)]
    parts += [_listed(cells, keys, number) for number in long]
    return [line for part in parts for line in [*part, ""]][:-1]


def _groups(
    cells: Sequence[Sequence[str]], alignments: Sequence[str], keys: int, numbers: Sequence[int]
) -> Iterator[list[int]]:
    """Yield the columns of each part, with as many in each as fit."""
    group: list[int] = []
    for number in numbers:
        if group and _width(cells, alignments, [*range(keys), *group, number]) > LAST_COLUMN:
            yield group
            group = []
        group.append(number)
    if group or not numbers:
        yield group


def _escaped(cell: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", cell.replace("\n", " "))


def _line(cells: Sequence[str]) -> str:
    return f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in cells)}|"


def _rendered(cells: Sequence[Sequence[str]], alignments: Sequence[str], numbers: Sequence[int]) -> list[str]:
    head, *rows = ([row[number] for number in numbers] for row in cells)
    return [_line(head), f"|{'|'.join(alignments[number] for number in numbers)}|", *map(_line, rows)]


def _width(cells: Sequence[Sequence[str]], alignments: Sequence[str], numbers: Sequence[int]) -> int:
    return max(map(len, _rendered(cells, alignments, numbers)))


def _listed(cells: Sequence[Sequence[str]], keys: int, number: int) -> list[str]:
    """Return a list of one column's texts, headed by its name."""
    head, *rows = cells
    lines = [f"{head[number][:1].upper()}{head[number][1:]}:", ""]
    for row in rows:
        lines += item(f"{', '.join(row[:keys])}: {row[number]}") if row[number] else []
    return lines


def item(text: str) -> list[str]:
    """Return a list item, wrapped."""
    return _wrapped(f"- {text}", "  ")


def paragraph(text: str) -> list[str]:
    """Return a paragraph, wrapped."""
    return _wrapped(text, "")


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, LAST_COLUMN, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


# ---- Existing files


def rewritten(text: str, keys: int) -> str:
    """Return a page with its wide tables split."""
    lines, done = text.split("\n"), []
    while lines:
        size = next((number for number, line in enumerate(lines) if not line.startswith("|")), len(lines))
        block, lines = lines[: max(size, 1)], lines[max(size, 1) :]
        is_wide = size > 2 and _SEPARATOR.fullmatch(block[1]) and max(map(len, block)) > LAST_COLUMN
        done += _split(block, keys) if is_wide else block
    return "\n".join(done)


def _split(block: Sequence[str], keys: int) -> list[str]:
    head, separator, *rows = ([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block)
    return table(head, rows, keys=keys, alignments=[RIGHT if cell.endswith(":") else LEFT for cell in separator])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--keys", type=int, default=1, help="how many columns name a row (default: %(default)s)")
    parser.add_argument("file", nargs="+", type=Path)
    options = parser.parse_args()
    for file in options.file:
        file.write_text(rewritten(file.read_text(encoding="utf-8"), options.keys), encoding="utf-8")


if __name__ == "__main__":
    main()
