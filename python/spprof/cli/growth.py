"""``spprof growth FOLDER``: which sites grow over a series of snapshots, how fast, and whether they look like leaks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from spprof.analysis.ages import age_text, beginning
from spprof.analysis.growth import FILLING, GROWING, STEADY, UNKNOWN
from spprof.analysis.paths import paths_of
from spprof.analysis.series_growth import growth_of
from spprof.analysis.site_table import told_key
from spprof.analysis.sites import SiteKey
from spprof.cli.arguments import add_json_argument, print_json, row_count
from spprof.cli.folders import listed, nothing_left, tell
from spprof.cli.moment_times import told_time
from spprof.cli.terminal import Terminal, progress
from spprof.pprof.profile import ProfileError
from spprof.pprof.series import LeftOut
from spprof.text import human_bytes, visible

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from spprof.analysis.paths import ShortPaths
    from spprof.analysis.series_growth import SeriesGrowth
    from spprof.pprof.series_folder import Folder
    from spprof.results import SiteGrowth

EXAMPLES = (
    ("spprof growth series/", "shows which lines grow, how fast, and whether their old blocks are freed"),
    ("spprof growth -n 50 series/", "shows up to 50 lines"),
    ("spprof growth --json series/", "prints JSON for a script"),
)

_ROWS = 20
_USUAL = 10
_TOLD_MAX = 3
_WIDTHS = (14, 27, 8, 8, 10)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_SPANS = ((2 * _DAY, _DAY, "d"), (2 * _HOUR, _HOUR, "h"), (2 * _MINUTE, _MINUTE, "min"), (0, 1, "s"))
_FAST = 1 << 20
"""From this growth in bytes per minute, rates are shown per minute; below that, per hour."""

_MEANINGS = {
    GROWING: "growing: old blocks accumulate and are not freed. A leak and a cache that is still filling look alike "
    "until the cache is full.",
    FILLING: "filling: old blocks accumulate, but ever more slowly, as in a cache that is filling up.",
    STEADY: "steady: old blocks are freed as others age, or no new blocks were seen to survive.",
}
_MORE_SAMPLES = "A shorter sampling interval (run --rate-kb) gives more samples in the same time."


class _Unit(NamedTuple):
    """The unit of time in which rates are shown."""

    seconds: int
    name: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", metavar="FOLDER", nargs="+", help="a folder with a series of snapshots")
    parser.add_argument(
        "-n",
        "--rows",
        type=row_count,
        default=_ROWS,
        metavar="N",
        help=f"maximum number of rows per series (default: {_ROWS})",
    )
    add_json_argument(parser)


def main(arguments: argparse.Namespace) -> int:
    found = [one for path in arguments.folders for one in _of_folder(path)]
    found.sort(key=lambda one: (-one.live_bytes, one.stem))
    if arguments.json:
        print_json({"schema": "spprof-growth-1", "series": [_document(one, arguments.rows) for one in found]})
        return 0
    terminal = Terminal()
    for number, one in enumerate(found):
        if number:
            terminal.line("")
        _print(terminal, one, arguments.rows)
    return 0


def _of_folder(path: str) -> list[SeriesGrowth]:
    """Return the growth of each series in the folder. ProfileError: none has two snapshots."""
    if os.path.lexists(path) and not os.path.isdir(path):
        raise ProfileError(f"{visible(path)}: growth needs a folder with a series of snapshots; this is not a folder")
    folder, found = listed(path), []
    for series in folder.series:
        show = progress(f"{series.stem} ")
        one = growth_of(series, show)
        if show:
            show(1.0)
        if one is not None:
            found.append(one)
    for profile in folder.profiles:
        folder.left_out.append(LeftOut(os.path.basename(profile), "it is not part of a series"))
    if not found:
        raise _nothing(folder)
    tell(folder, [f"{len(one.used)} snapshots of {one.stem}" for one in found])
    return found


def _nothing(folder: Folder) -> ProfileError:
    if folder.all_left_out:
        return nothing_left(folder)
    return ProfileError(f"{visible(folder.path)}: the folder has no series of snapshots")


# ---- Text output


def _print(terminal: Terminal, found: SeriesGrowth, count: int) -> None:
    terminal.paragraph(_headline(found))
    shown = found.sites[:count]
    if not shown:
        terminal.paragraph("it has no live samples")
        return
    unit = _unit_of(shown)
    freed_by = next((one.freed_shares[-1][0] for one in shown if one.freed_shares), None)
    freed = "freed" if freed_by is None else f"by {span(freed_by)}"
    paths = paths_of(found.stacks)
    headings = (f"per {unit.name}", "95 % interval", "verdict", "oldest", freed)
    columns = next((number for number in (5, 3) if terminal.leaves_room(len(_cells(headings, number)))), 1)
    terminal.line(_cells(headings, columns) + "site", "bold")
    for one in shown:
        cells = _cells(_texts(one, unit), columns)
        text = terminal.fitted(told_key(_key(one), paths), len(cells))
        terminal.line(cells + text, "red" if one.verdict == GROWING else "")
    if len(found.sites) > len(shown):
        terminal.line(f"{len(found.sites) - len(shown)} more; -n {len(found.sites)} shows all", "faint")
    for sentence in _sentences(found, shown, freed_by, paths):
        terminal.paragraph(sentence)


def _headline(found: SeriesGrowth) -> str:
    first, last = found.used[0], found.used[-1]
    seconds = (last.monotonic_ms - first.monotonic_ms) / 1000
    missing = f", {found.unwritten} more could not be written" if found.unwritten else ""
    counts = [(verdict, sum(one.verdict == verdict for one in found.sites)) for verdict in (GROWING, FILLING)]
    verdicts = ", ".join(f"{number} {verdict}" for verdict, number in counts)
    return (
        f"{visible(found.stem)}: {len(found.used)} snapshots over {span(seconds)}, from {told_time(first.time_ns)} to "
        f"{told_time(last.time_ns)}{missing}; {human_bytes(found.live_bytes)} live at the end; {len(found.sites)} "
        f"{'site' if len(found.sites) == 1 else 'sites'}: {verdicts}"
    )


def _sentences(
    found: SeriesGrowth, shown: Sequence[SiteGrowth], freed_by: float | None, paths: ShortPaths
) -> list[str]:
    """Return sentences that explain the columns and verdicts, and what would decide the unknown ones."""
    told = []
    if freed_by is not None:
        told.append(f"by {span(freed_by)}: how much of the memory older than this has been freed.")
    verdicts = {one.verdict for one in shown}
    told += [meaning for verdict, meaning in _MEANINGS.items() if verdict in verdicts]
    unknown = [one for one in shown if one.verdict == UNKNOWN]
    if unknown:
        deciding = [_deciding(one, paths) for one in unknown[:_TOLD_MAX]]
        if len(unknown) > _TOLD_MAX:
            deciding.append(f"{len(unknown) - _TOLD_MAX} more are unknown")
        told.append(f"unknown: there are too few samples to decide. {'; '.join(deciding)}. {_MORE_SAMPLES}")
    if len(found.used) < _USUAL:
        told.append(f"At least {_USUAL} snapshots are needed to classify a site as growing.")
    return told


def _deciding(one: SiteGrowth, paths: ShortPaths) -> str:
    """Return what is needed for a verdict on a site."""
    text = told_key(_key(one), paths)
    samples = one.samples_to_decide
    needs = "a longer series" if samples is None else f"{samples} more {'sample' if samples == 1 else 'samples'}"
    longer = "" if one.seconds_to_decide is None else f", about {span(one.seconds_to_decide)} at this pace"
    return f"{text} needs {needs}{longer}"


def _texts(one: SiteGrowth, unit: _Unit) -> tuple[str, ...]:
    rate, low, high = (_bytes(end, unit) for end in (one.bytes_per_second, one.low, one.high))
    ends = f"{low} - {high}" if low else ""
    oldest = age_text(beginning(one.oldest_seconds)) if one.oldest_seconds else ""
    freed = f"{100 * one.freed_shares[-1][1]:.1f} %" if one.freed_shares else ""
    return rate, ends, one.verdict, oldest, freed


def _cells(texts: Sequence[str], count: int) -> str:
    """Format as many columns before the site as fit: all of them, those up to the verdict, or only the rate."""
    return "".join(f"{text:>{width}}  " for text, width in zip(texts[:count], _WIDTHS))


def _unit_of(shown: Sequence[SiteGrowth]) -> _Unit:
    fastest = max(abs(one.bytes_per_second or 0.0) for one in shown)
    return _Unit(_MINUTE, "minute") if fastest * _MINUTE >= _FAST else _Unit(_HOUR, "hour")


def _bytes(rate: float | None, unit: _Unit) -> str:
    if rate is None:
        return ""
    value = round(rate * unit.seconds)
    return f"{'+' if value > 0 else ''}{human_bytes(value)}"


def span(seconds: float) -> str:
    """Format a time span with about two digits: ``"90 s"``, ``"9.8 min"``, ``"26 h"``."""
    size, name = next((size, name) for least, size, name in _SPANS if seconds >= least)
    value = seconds / size
    text = f"{value:.1f}" if value < 10 else f"{value:.0f}"
    return f"{text.removesuffix('.0')} {name}"


def _key(one: SiteGrowth) -> SiteKey:
    return SiteKey(one.function, one.file, one.line)


# ---- JSON output


def _document(found: SeriesGrowth, count: int) -> dict[str, object]:
    first, last = found.used[0], found.used[-1]
    return {
        "name": found.stem,
        "snapshots": len(found.used),
        "unwritten": found.unwritten,
        "first_time_ns": first.time_ns,
        "last_time_ns": last.time_ns,
        "seconds": (last.monotonic_ms - first.monotonic_ms) / 1000,
        "live_bytes": found.live_bytes,
        "sites_in_series": len(found.sites),
        "sites": [_site_document(one) for one in found.sites[:count]],
    }


def _site_document(one: SiteGrowth) -> dict[str, object]:
    return {
        "function": one.function,
        "file": one.file,
        "line": one.line,
        "bytes_per_second": one.bytes_per_second,
        "low": one.low,
        "high": one.high,
        "verdict": one.verdict,
        "oldest_seconds": one.oldest_seconds,
        "freed_shares": [{"age_seconds": age, "share": share} for age, share in one.freed_shares],
        "samples_to_decide": one.samples_to_decide,
        "seconds_to_decide": one.seconds_to_decide,
    }
