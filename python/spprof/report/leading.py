"""The HTML that a page shows if its script does not run: the total, the facts, and a table of the largest sites.

The numbers are those of the column with which the page opens.
"""

from __future__ import annotations

from spprof import _engine
from spprof.analysis.sites import Choice, Sums
from spprof.text import amount, interval_text, place, share_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from spprof.report.model import Report, Side

_ROWS = 20
_CHARACTERS = 200


def escaped(text: str) -> str:
    """Escape ``text`` for HTML, including attributes. ``html.escape`` does the same, but its module loads a table of
    all entities.
    """
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#x27;")):
        text = text.replace(character, entity)
    return text


def whole(report: Report) -> str:
    """Return the total, and a description of what it measures."""
    column = report.columns[report.first_column]
    sums = [sum(side.values[report.first_column]) for side in report.sides]
    main = amount(sums[0], column.unit) if len(sums) == 1 else _changed(sums[0], sums[1], column.unit)
    return f"<strong>{escaped(main)}</strong> <span>{escaped(column.group or column.measure)}</span>"


def facts(report: Report) -> str:
    """Return the rows of the list of facts."""
    rows = (f"<div><dt>{escaped(key)}</dt> <dd>{escaped(text)}</dd></div>" for key, text in report.facts)
    return "\n".join(rows)


def table(report: Report) -> str:
    """Return the largest sites or, for a difference, those that changed the most."""
    values = [_by_site(report, side) for side in report.sides]
    unit = report.columns[report.first_column].unit
    if len(values) == 1:
        found = sorted((site for site, value in values[0].items() if value), key=lambda site: (-values[0][site], site))
        headings, rows = _plain(report, values[0], found[:_ROWS], unit)
    else:
        old, new = values
        delta = {site: new.get(site, 0) - old.get(site, 0) for site in {**old, **new}}
        found = sorted((site for site in delta if delta[site]), key=lambda site: (-abs(delta[site]), site))
        headings = ["Change", "Old", "New"]
        rows = [
            [_changed(old.get(site, 0), new.get(site, 0), unit), amount(old.get(site, 0), unit),
             amount(new.get(site, 0), unit)]
            for site in found[:_ROWS]
        ]  # fmt: skip
    lines = [_line("th", headings, "Site")]
    lines += [_line("td", row, _site(report, site)) for site, row in zip(found, rows)]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _plain(report: Report, values: dict[int, int], sites: list[int], unit: str) -> tuple[list[str], list[list[str]]]:
    everything = sum(values.values())
    rows = [[amount(values[site], unit), share_text(values[site], everything)] for site in sites]
    if report.first_column not in report.spread_columns:
        return ["Own", "Share"], rows
    sums = _sums_of(report, set(sites))
    for site, row in zip(sites, rows):
        ends = sums[site].interval()
        row.append("" if ends is None else "exact" if ends[0] == ends[1] else interval_text(ends, unit))
    return ["Own", "Share", "95 % interval"], rows


def _by_site(report: Report, side: Side) -> dict[int, int]:
    """Return the value of each site itself."""
    found: dict[int, int] = {}
    for site, value in zip(report.entry_sites, side.values[report.first_column]):
        if value:
            found[site] = found.get(site, 0) + value
    return found


def _sums_of(report: Report, sites: set[int]) -> dict[int, Sums]:
    """Return the sums of some sites, in a column with intervals."""
    (side,) = report.sides
    spread = side.spreads[report.spread_columns.index(report.first_column)]
    choice = spread.choice
    found = {site: Sums() for site in sites}
    for at, (site, value) in enumerate(zip(report.entry_sites, side.values[report.first_column])):
        if site not in found or not value:
            continue
        variance = spread.variance[at]
        one = Sums(max(spread.samples[at], 0), spread.seen[at], value * _engine.BYTES_ONE, 0, variance)
        one.skewness = spread.lean[at] * variance
        one.is_drawn = one.has_spread = spread.samples[at] >= 0
        if choice:
            one.renewed, one.chosen_among = spread.renewed[at], Choice(*choice)
        found[site].add(one)
    return found


def _changed(old: int, new: int, unit: str) -> str:
    return f"{'+' if new > old else ''}{amount(new - old, unit)}"


def _site(report: Report, site: int) -> str:
    if site < 0:
        return "no stack"
    found = report.places[site]
    file = f' <bdi class="place">{_short(place(found.short_file, found.line))}</bdi>' if found.file else ""
    return f"<bdi>{_short(found.function)}</bdi>{file}"


def _short(text: str) -> str:
    return escaped(text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}…")


def _line(cell: str, texts: Iterable[str], site: str) -> str:
    cells = "".join(f"<{cell}>{escaped(text)}</{cell}>" for text in texts)
    return f'<tr>{cells}<{cell} class="site">{site}</{cell}></tr>'
