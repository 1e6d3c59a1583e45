"""``spprof table``: the sites that hold the most, each with what it holds itself and with all that it calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof.cli.options import add_report_arguments, print_json, read, sample_type_index
from spprof.cli.terminal import Terminal, site_text
from spprof.tally import Amount, Tally
from spprof.text import amount, visible

if TYPE_CHECKING:
    import argparse

    from spprof.sites import SiteKey

    Row = tuple[SiteKey, Amount, int]

_ROWS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a pprof file, ours or another tool's")
    parser.add_argument("--sort", choices=("own", "total"), default="own", help="by which column (default own)")
    add_report_arguments(parser, _ROWS)


def main(arguments: argparse.Namespace) -> int:
    profile = read(arguments.file)
    tally = Tally(profile, sample_type_index(profile, arguments.file, arguments.sample_type))
    ranked = rows(tally, arguments.sort)
    if arguments.json:
        print_json(_document(tally, ranked[: arguments.rows], len(ranked)))
    else:
        _print(tally, ranked, arguments.rows)
    return 0


def rows(tally: Tally, sort: str) -> list[Row]:
    """Every site, sorted by "own" (those that hold something themselves) or by "total"."""
    nothing = Amount()
    found = [(key, tally.own.get(key, nothing), total) for key, total in tally.total.items()]
    found += [(key, own, own.value) for key, own in tally.own.items() if key not in tally.total]
    if sort == "own":
        return sorted((row for row in found if row[1] is not nothing), key=lambda row: (-row[1].value, -row[2], row[0]))
    return sorted(found, key=lambda row: (-row[2], -row[1].value, row[0]))


def headline(tally: Tally) -> str:
    """The whole in one line: type, estimate, interval, samples."""
    unit = tally.value_type.unit
    text = f"{visible(tally.value_type.type)}: {amount(tally.whole.value, unit)}"
    ends = tally.whole_interval()
    if ends is None:
        return text
    text += f" ({amount(ends[0], unit)} - {amount(ends[1], unit)}, 95 %)"
    period = tally.profile.period
    how = f"one each {amount(period, 'bytes')}" if period > 1 else "every allocation"
    return f"{text}; {tally.whole.samples} live samples, {how}"


def _print(tally: Tally, ranked: list[Row], count: int) -> None:
    terminal, unit = Terminal(), tally.value_type.unit
    terminal.line(headline(tally))
    if not ranked:
        terminal.line(explanation(tally))
        return
    terminal.line(f"{'own':>11}  {'95 % interval':>23}  {'total':>11}  site", "bold")
    for key, own, total in ranked[:count]:
        ends = own.interval()
        between = f"{amount(ends[0], unit)} - {amount(ends[1], unit)}" if ends and own.value else ""
        numbers = f"{amount(own.value, unit):>11}  {between:>23}  {amount(total, unit):>11}  "
        terminal.line(numbers + terminal.fitted(site_text(key), len(numbers)))
    if len(ranked) > count:
        terminal.line(f"{len(ranked) - count} more; -n {len(ranked)} shows all", "faint")


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
        "samples": own.samples if own.is_drawn else None,
        "native_function": max(natives, key=lambda name: (natives[name], name)) if natives else None,
    }
