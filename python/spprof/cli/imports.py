"""``spprof imports``: shows what each import costs, by itself and including everything that it imports in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof.analysis.by_import import by_import
from spprof.analysis.by_site import Tally
from spprof.analysis.imports import with_imports_folded
from spprof.analysis.paths import paths_of
from spprof.analysis.site_table import SiteTable, interval, own, own_share, told_key, total, total_share
from spprof.cli.arguments import add_report_arguments, chosen_type, print_json
from spprof.cli.inputs import add_file_arguments, read_sum
from spprof.cli.table import headline, tell_notes, tell_reasons, whole_document
from spprof.cli.terminal import Terminal
from spprof.text import visible

if TYPE_CHECKING:
    import argparse

    from spprof.analysis.by_import import Import

EXAMPLES = (
    ("spprof imports heap.pb.gz", "shows what each imported module holds"),
    ("spprof imports --view allocated heap.pb.gz", "shows what each module has allocated, freed or not"),
    ("spprof imports --sort own -n 50 app.cpu.pb.gz", "shows the time that modules take by themselves"),
)

_ROWS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_file_arguments(parser)
    parser.add_argument("--sort", choices=("own", "total"), default="total", help="column to sort by (default: total)")
    add_report_arguments(parser, _ROWS)


def main(arguments: argparse.Namespace) -> int:
    profile = with_imports_folded(read_sum(arguments))
    tally = Tally(profile, chosen_type(profile, arguments.files[0], arguments))
    rows = by_import(tally)
    is_by_own = arguments.sort == "own"
    rows.sort(key=lambda one: (-(one.own if is_by_own else one.total).value, one.module))
    if arguments.json:
        print_json(_document(tally, rows[: arguments.rows], len(rows)))
    else:
        _print(tally, rows, arguments.rows)
    return 0


def _print(tally: Tally, rows: list[Import], count: int) -> None:
    terminal = Terminal()
    terminal.line(headline(tally))
    if not rows:
        if tally.stacks:
            terminal.line("no sample was taken during an import")
        tell_reasons(terminal, tally)
        return
    unit, whole, paths = tally.value_type.unit, tally.whole, paths_of(tally.profile)
    costs, by_itself = own(unit, "total"), total(unit, "own")
    columns = (costs, interval(unit), by_itself) if whole.is_drawn else (
        costs, own_share(whole.value), by_itself, total_share(whole.value)
    )  # fmt: skip
    table = SiteTable(columns)
    if not terminal.leaves_room(table.width):
        table = SiteTable((costs, by_itself))
    terminal.line(table.headings.replace("site", "module"), "bold")
    for one in rows[:count]:
        text = visible(one.module) + (f", from {told_key(one.importer, paths)}" if one.importer.file else "")
        terminal.line(table.numbers(one.total, one.own.value) + terminal.fitted(text, table.width))
    if len(rows) > count:
        terminal.line(f"{len(rows) - count} more; -n {len(rows)} shows all", "faint")
    tell_reasons(terminal, tally)
    tell_notes(terminal, tally.profile)


def _document(tally: Tally, shown: list[Import], count: int) -> dict[str, object]:
    return {
        **whole_document(tally),
        "schema": "spprof-imports-1",
        "imports_in_file": count,
        "imports": [_import_document(one) for one in shown],
    }


def _import_document(one: Import) -> dict[str, object]:
    own_ends, total_ends = one.own.interval() or (None, None), one.total.interval() or (None, None)
    return {
        "module": one.module,
        "file": one.file,
        "importer": one.importer._asdict() if one.importer.file else None,
        "own": one.own.value,
        "own_low": own_ends[0],
        "own_high": own_ends[1],
        "total": one.total.value,
        "total_low": total_ends[0],
        "total_high": total_ends[1],
    }
