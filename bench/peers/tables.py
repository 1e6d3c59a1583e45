"""Number formats of the tables, and the positions of the tables on the page."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from common.intervals import Interval

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))  # last, because of its venv.py
import markdown_tables

END = "<!-- end -->"


def percent_more(ratio: Interval) -> str:
    """Format a ratio as +1.8 (1.4 – 2.1), or as ×2.4 (2.3 – 2.6) if it is above two."""
    if ratio.middle >= 2:
        return f"×{ratio.middle:.1f} ({ratio.low:.1f} – {ratio.high:.1f})"
    middle, low, high = (100 * (value - 1) for value in ratio)
    return signed(Interval(middle, low, high), 1)


def signed(value: Interval, digits: int) -> str:
    middle, low, high = f"{value.middle:+.{digits}f}", f"{value.low:.{digits}f}", f"{value.high:.{digits}f}"
    return f"{minus(middle)} ({minus(low)} – {minus(high)})"


def minus(number: str) -> str:
    """Return the number with a minus sign that is as wide as a digit. Zero has no sign."""
    if not number.strip("+-0."):
        number = number.lstrip("+-")
    return number.replace("-", "−")


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return the table, or several tables if one would be too wide."""
    return "\n".join(markdown_tables.table(heads, list(rows)))


def wrapped(text: str) -> str:
    """Wrap each line of ``text``, as a list item or a paragraph, and return the result. Tables, marks and images stay
    as they are.
    """
    lines = []
    for line in text.split("\n"):
        if len(line) <= markdown_tables.LAST_COLUMN or line.startswith(("|", "!", "<")):
            lines.append(line)
        elif line.startswith("- "):
            lines += markdown_tables.item(line[2:])
        else:
            lines += markdown_tables.paragraph(line)
    return "\n".join(lines)


def write_between(page: Path, part: str, text: str) -> None:
    """Write the text between the part's marks and keep everything else. Raise LookupError if the page has no such
    marks.
    """
    before, mark, behind = page.read_text(encoding="utf-8").partition(beginning(part))
    _, end, after = behind.partition(END)
    if not mark or not end:
        raise LookupError(f"{page} has no {beginning(part)} followed by {END}")
    aside = page.with_suffix(".partial")
    aside.write_text(f"{before}{mark}\n\n{wrapped(text.strip())}\n\n{end}{after}", encoding="utf-8")
    aside.replace(page)


def beginning(part: str) -> str:
    return f"<!-- bench-peers: {part} -->"
