"""``spprof diff OLD NEW``: what changed, site by site, and how much of it is noise."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from spprof.analysis.by_site import Tally
from spprof.analysis.diff import change, changes, same_type
from spprof.analysis.folding import with_folding_of
from spprof.analysis.paths import paths_of
from spprof.analysis.site_table import told_ways
from spprof.cli.arguments import add_report_arguments, chosen_type, print_json, refusal
from spprof.cli.inputs import add_stack_arguments, read, shown
from spprof.cli.table import tell_notes
from spprof.cli.terminal import Terminal
from spprof.text import amount, visible

if TYPE_CHECKING:
    import argparse

    from spprof.analysis.diff import Change
    from spprof.analysis.sites import SiteKey
    from spprof.pprof.profile import Profile

    Row = tuple[SiteKey, Change]

EXAMPLES = (
    ("spprof diff old.pb.gz new.pb.gz", "shows what grew and shrank, leaving out noise"),
    ("spprof diff --all old.pb.gz new.pb.gz", "shows the noise as well"),
    ("spprof diff --html change.html old.pb.gz new.pb.gz", "writes the comparison as an HTML page"),
)

_ROWS = 20
_HEADINGS = ("change", "95 % interval", "old", "new")
_WIDTHS = (11, 25, 11, 11)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD", help="a pprof file")
    parser.add_argument("new", metavar="NEW", help="a second one, from a later time or another run")
    parser.add_argument("--html", metavar="FILE", help="write an HTML page instead of printing the table")
    parser.add_argument("-f", "--force", action="store_true", help="overwrite the page if it exists")
    parser.add_argument("--no-source", action="store_true", help="leave source lines out of the page")
    parser.add_argument("--all", action="store_true", help="also show changes that chance could explain")
    add_stack_arguments(parser)
    add_report_arguments(parser, _ROWS)
    parser.set_defaults(parser=parser)


def main(arguments: argparse.Namespace) -> int:
    if arguments.html is not None:
        return _write_page(arguments)
    old, new = _read_both(arguments)
    old = with_folding_of(old, new)
    first, second = same_type(old, new, old.sample_types[chosen_type(old, arguments.old, arguments)])
    before, after = Tally(old, first), Tally(new, second)
    rows = changes(before, after)
    notable = [row for row in rows if arguments.all or row[1].is_significant is not False]
    if arguments.json:
        print_json(_document(before, after, notable[: arguments.rows], rows))
    else:
        _print(before, after, notable, rows, arguments.rows)
    return 0


def _write_page(arguments: argparse.Namespace) -> int:
    reason = refusal(arguments.html, arguments.force)
    if reason:
        arguments.parser.error(reason)
    old, new = _read_both(arguments)
    chosen = old.sample_types[chosen_type(old, arguments.old, arguments)]
    is_named = arguments.sample_type is not None or arguments.view is not None
    if is_named:
        same_type(old, new, chosen)
    from spprof.formats.atomic_file import write_file
    from spprof.report.build import difference_of
    from spprof.report.page import written

    names = [os.path.basename(path) for path in (arguments.old, arguments.new)]
    first = chosen.type if is_named else None
    write_file(arguments.html, written(difference_of(old, new, names, first, not arguments.no_source)))
    return 0


def _read_both(arguments: argparse.Namespace) -> tuple[Profile, Profile]:
    return shown(read(arguments.old), arguments), shown(read(arguments.new), arguments)


def _print(before: Tally, after: Tally, shown: list[Row], rows: list[Row], count: int) -> None:
    terminal, unit = Terminal(), after.value_type.unit
    whole, paths = change(before.whole, after.whole), paths_of(before.profile, after.profile)
    terminal.line(
        f"{visible(after.value_type.type)}: {amount(whole.old, unit)} -> {amount(whole.new, unit)}, "
        f"{_plus(whole.delta, unit)}{_between(whole, unit)}{_verdict(whole)}"
    )
    found = after.own
    columns = next((count for count in (4, 2) if terminal.leaves_room(len(_columns(_HEADINGS, count)))), 1)
    if shown:
        terminal.line(_columns(_HEADINGS, columns) + "site", "bold")
    for key, one in shown[:count]:
        ends = f"{_plus(one.interval[0], unit)} - {_plus(one.interval[1], unit)}" if one.interval else ""
        cells = (_plus(one.delta, unit), ends, amount(one.old, unit), amount(one.new, unit))
        numbers = _columns(cells, columns)
        style = "" if one.is_significant is False else "red" if one.delta > 0 else "green"
        terminal.line(
            numbers + terminal.fitted_of(told_ways(key, found.get(key) or before.own[key], paths), len(numbers)), style
        )
    if len(shown) > count:
        terminal.line(f"{len(shown) - count} more; -n {len(shown)} shows all", "faint")
    hidden = len(rows) - len(shown)
    if hidden:
        sites = "1 site" if hidden == 1 else f"{hidden} sites"
        terminal.line(f"{sites} changed by no more than chance could explain (95 %); --all shows them", "faint")
    elif not rows:
        terminal.line("No site changed.")
    tell_notes(terminal, after.profile)


def _columns(cells: tuple[str, str, str, str], count: int) -> str:
    """Format as many columns before the site as fit: all of them, the change with its interval, or only the change."""
    return "".join(f"{cell:>{width}}  " for cell, width in zip(cells[:count], _WIDTHS))


def _plus(value: int, unit: str) -> str:
    return f"{'+' if value > 0 else ''}{amount(value, unit)}"


def _between(one: Change, unit: str) -> str:
    return f" ({_plus(one.interval[0], unit)} - {_plus(one.interval[1], unit)}, 95 %)" if one.interval else ""


def _verdict(one: Change) -> str:
    return {None: "", True: ": a significant change", False: ": no more than chance could explain"}[one.is_significant]


def _document(before: Tally, after: Tally, shown: list[Row], rows: list[Row]) -> dict[str, object]:
    whole = _change_document(change(before.whole, after.whole))
    return {
        "schema": "spprof-diff-1",
        "sample_type": after.value_type.type,
        "unit": after.value_type.unit,
        **whole,
        "sites_changed": len(rows),
        "sites": [
            {"function": key.function, "file": key.file, "line": key.line, **_change_document(one)}
            for key, one in shown
        ],
    }


def _change_document(one: Change) -> dict[str, object]:
    ends = one.interval or (None, None)
    return {
        "old": one.old,
        "new": one.new,
        "delta": one.delta,
        "low": ends[0],
        "high": ends[1],
        "significant": one.is_significant,
    }
