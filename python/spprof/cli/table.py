"""``spprof table``: the sites that hold the most, each with what it holds itself and with all that it calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof.analysis.by_site import Tally, ranked
from spprof.cli.arguments import add_report_arguments, print_json, read, sample_type_index
from spprof.cli.terminal import Terminal
from spprof.text import amount, percent, site_text, visible

if TYPE_CHECKING:
    import argparse

    from spprof.analysis.by_site import Amount, Row
    from spprof.analysis.sites import SiteKey

_ROWS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a pprof file, ours or another tool's")
    parser.add_argument("--sort", choices=("own", "total"), default="own", help="by which column (default own)")
    add_report_arguments(parser, _ROWS)


def main(arguments: argparse.Namespace) -> int:
    profile = read(arguments.file)
    tally = Tally(profile, sample_type_index(profile, arguments.file, arguments.sample_type))
    rows = ranked(tally, arguments.sort)
    if arguments.json:
        print_json(_document(tally, rows[: arguments.rows], len(rows)))
    else:
        _print(tally, rows, arguments.rows)
    return 0


def headline(tally: Tally) -> str:
    """The whole in one line: type, value, interval, samples."""
    unit, profile, samples = tally.value_type.unit, tally.profile, tally.whole.samples
    text = f"{visible(tally.value_type.type)}: {amount(tally.whole.value, unit)}"
    ends = tally.whole_interval()
    how = f"one each {amount(profile.period, profile.period_type.unit)}"
    if ends:
        how = how if profile.period > 1 else "every allocation"
        return f"{text} ({amount(ends[0], unit)} - {amount(ends[1], unit)}, 95 %); {samples} live samples, {how}"
    return f"{text}; {samples} samples, {how}" if samples and profile.period else text


def _print(tally: Tally, rows: list[Row], count: int) -> None:
    terminal = Terminal()
    terminal.line(headline(tally))
    if not rows:
        terminal.line(explanation(tally))
        return
    numbers_of = _numbers_with_interval if tally.whole.is_drawn else _numbers_with_shares
    if not terminal.leaves_room(len(numbers_of(tally, rows[0]))):
        numbers_of = _numbers_alone
    terminal.line(numbers_of(tally, None), "bold")
    for row in rows[:count]:
        numbers = numbers_of(tally, row)
        terminal.line(numbers + terminal.fitted(site_text(*row[0]), len(numbers)))
    if len(rows) > count:
        terminal.line(f"{len(rows) - count} more; -n {len(rows)} shows all", "faint")


def _numbers_with_interval(tally: Tally, row: Row | None) -> str:
    """The columns before the site; without a row their headings."""
    if row is None:
        return f"{'own':>11}  {'95 % interval':>23}  {'total':>11}  site"
    _, own, total = row
    unit, ends = tally.value_type.unit, own.interval()
    between = f"{amount(ends[0], unit)} - {amount(ends[1], unit)}" if ends and own.value else ""
    return f"{amount(own.value, unit):>11}  {between:>23}  {amount(total, unit):>11}  "


def _numbers_with_shares(tally: Tally, row: Row | None) -> str:
    """The same where there are no intervals."""
    if row is None:
        return f"{'own':>11}  {'':>7}  {'total':>11}  {'':>7}  site"
    values = (row[1].value, row[2])
    unit, whole = tally.value_type.unit, tally.whole.value
    return "".join(f"{amount(value, unit):>11}  {percent(value, whole):>5.1f} %  " for value in values)


def _numbers_alone(tally: Tally, row: Row | None) -> str:
    """The same for a narrow terminal."""
    if row is None:
        return f"{'own':>11}  {'total':>11}  site"
    return "".join(f"{amount(value, tally.value_type.unit):>11}  " for value in (row[1].value, row[2]))


def explanation(tally: Tally) -> str:
    """Why there is nothing to show, and what to do."""
    name = tally.value_type.type
    ends = tally.whole_interval()
    if ends is None:
        return f"No sample has a value of {visible(name)}."
    others = [tally.profile.sample_types[index].type for index in tally.profile.valued_types]
    text = f"Nothing that was live was sampled: less than {amount(ends[1], 'bytes')} was alive (97.5 %)."
    if others:
        text += f" What was allocated and freed again is there: --sample-type {visible(others[-1])}."
    return f"{text} A lower --rate-kb sees more."


def _document(tally: Tally, shown: list[Row], count: int) -> dict[str, object]:
    ends = tally.whole_interval() or (None, None)
    return {
        "schema": "spprof-table-1",
        "sample_type": tally.value_type.type,
        "unit": tally.value_type.unit,
        "value": tally.whole.value,
        "low": ends[0],
        "high": ends[1],
        "sites_in_file": count,
        "sites": [site_document(key, own, total) for key, own, total in shown],
    }


def site_document(key: SiteKey, own: Amount, total: int) -> dict[str, object]:
    """One row as JSON."""
    ends = own.interval() or (None, None)
    natives = own.natives
    return {
        "function": key.function,
        "file": key.file,
        "line": key.line,
        "own": own.value,
        "own_low": ends[0],
        "own_high": ends[1],
        "total": total,
        "samples": own.samples if own.has_spread else None,
        "native_function": max(natives, key=lambda name: (natives[name], name)) if natives else None,
    }
