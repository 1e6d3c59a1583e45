"""``spprof table``: shows the sites that hold the most, each by itself and including everything that it calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof.analysis.ages import OLDER_THAN, span_text, tells_ages
from spprof.analysis.by_label import by_label
from spprof.analysis.by_site import Tally, ranked
from spprof.analysis.explanation import FEW, IN_FILES, NOTABLE, explanation
from spprof.analysis.notes import NOTABLE_BYTES, is_notable, notes_of
from spprof.analysis.paths import paths_of
from spprof.analysis.residency import lines_of_file
from spprof.analysis.site_table import (
    MEDIAN_AGE,
    OLDEST,
    RESIDENT,
    SiteTable,
    interval,
    own,
    own_share,
    told_ways,
    total,
    total_share,
)
from spprof.cli.arguments import add_report_arguments, chosen_type, print_json
from spprof.cli.inputs import add_file_arguments, add_stack_arguments, read_shown
from spprof.cli.terminal import Terminal
from spprof.cpu_time.text import AS_ASKED
from spprof.pprof.processes import name_of_process, programs_of
from spprof.pprof.profile import INUSE_SPACE, MAPPED_SPACE, MAPPED_TYPES, PEAK_SPACE, RESIDENT_SPACE
from spprof.report.threads import name_of_thread
from spprof.text import amount, interval_text, sampling_text, visible, whole_number

if TYPE_CHECKING:
    import argparse

    from spprof.analysis.by_site import Row
    from spprof.analysis.site_table import Column
    from spprof.analysis.sites import Site, SiteKey, Sums
    from spprof.pprof.processes import Program
    from spprof.pprof.profile import Profile

EXAMPLES = (
    ("spprof table heap.pb.gz", "lists the lines that hold the most memory"),
    ("spprof table --view peak -n 50 heap.pb.gz", "lists the 50 lines that held the most at the peak"),
    ("spprof table --by process profiles/", "shows what each worker holds, from a folder of files"),
)

_ROWS = 20
_SAMPLES = {INUSE_SPACE: "live samples", MAPPED_SPACE: "mappings", RESIDENT_SPACE: "live samples and mappings"}
"""The nouns for what values count, if they do not simply count samples."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_file_arguments(parser)
    add_stack_arguments(parser)
    parser.add_argument("--sort", choices=("own", "total"), default="own", help="column to sort by (default: own)")
    parser.add_argument(
        "--by",
        choices=("site", "process", "thread"),
        default="site",
        help="show one row per site, process or thread (default: site)",
    )
    add_report_arguments(parser, _ROWS)


def main(arguments: argparse.Namespace) -> int:
    profile = read_shown(arguments, tells_processes=arguments.by == "process")
    tally = Tally(profile, chosen_type(profile, arguments.files[0], arguments))
    if arguments.by != "site":
        return _by_label(tally, arguments)
    rows = ranked(tally, arguments.sort)
    if arguments.json:
        print_json(_document(tally, rows[: arguments.rows], len(rows)))
    else:
        _print(tally, rows, arguments.rows)
    return 0


def _by_label(tally: Tally, arguments: argparse.Namespace) -> int:
    """Print one row per process or thread."""
    groups = by_label(tally, name_of_process if arguments.by == "process" else name_of_thread)
    programs = programs_of(tally.profile) if arguments.by == "process" else {}
    rows = sorted(groups.items(), key=lambda row: (-row[1].value, row[0]))
    if arguments.json:
        print_json({**whole_document(tally), "by": arguments.by, "groups": [
            _group_document(name, sums, programs) for name, sums in rows[: arguments.rows]
        ]})  # fmt: skip
        return 0
    terminal = Terminal()
    terminal.line(headline(tally))
    unit, whole = tally.value_type.unit, tally.whole
    table = SiteTable((own(unit), interval(unit) if whole.is_drawn else own_share(whole.value)))
    if rows:
        terminal.line(table.headings.replace("site", arguments.by), "bold")
    for name, sums in rows[: arguments.rows]:
        program = programs.get(_pid_of(name))
        told = f"{name} ({program})" if program else name
        terminal.line(table.numbers(sums) + terminal.fitted(visible(told), table.width))
    if len(rows) > arguments.rows:
        terminal.line(f"{len(rows) - arguments.rows} more; -n {len(rows)} shows all", "faint")
    _tell_size(terminal, tally)
    tell_notes(terminal, tally.profile)
    return 0


def _group_document(name: str, sums: Sums, programs: dict[str, Program]) -> dict[str, object]:
    ends = sums.interval() or (None, None)
    known = programs.get(_pid_of(name))
    more = {"program": known.name, "parent_pid": known.parent} if known else {}
    return {"name": name, "own": sums.value, "own_low": ends[0], "own_high": ends[1], **more}


def _pid_of(name: str) -> str:
    """Return the pid in a process's displayed name."""
    return name.rpartition(" ")[2]


def headline(tally: Tally) -> str:
    """Return the total in one line: type, value, interval, samples."""
    unit, profile, samples = tally.value_type.unit, tally.profile, tally.whole.samples
    text = f"{visible(tally.value_type.type)}{_of_age(profile)}: {amount(tally.whole.value, unit)}"
    ends = tally.whole_interval()
    if ends:
        how = sampling_text(profile.period if profile.period > 1 else 0)
        which = _SAMPLES.get(tally.value_type, "samples")
        return f"{text} ({interval_text(ends, unit)}, 95 %); {amount(samples, 'count')} {which}, {how}"
    how = _how_often(tally)
    return f"{text}; {amount(samples, 'count')} samples, {how}" if samples and profile.period else text


def _of_age(profile: Profile) -> str:
    """Return the minimum age, if --older-than was given."""
    least = whole_number(profile.note(OLDER_THAN))
    return "" if least is None else f", older than {span_text(least)}"


def _how_often(tally: Tally) -> str:
    """Return the interval between samples and, for a CPU profile, the requested one if the kernel's differs."""
    period, unit, whole = tally.profile.period, tally.profile.period_type.unit, tally.whole
    asked = sampling_text(period, unit)
    if tally.index != tally.profile.time_index or not whole.samples or period <= 0:
        return asked
    mean = whole.value / whole.samples
    if abs(mean / period - 1) <= AS_ASKED:
        return asked
    return f"{sampling_text(round(mean), unit)} instead of the {amount(period, unit)} requested"


def tell_notes(terminal: Terminal, profile: Profile) -> None:
    """Print notes that qualify the numbers, one line per note."""
    for sentence in notes_of(profile).sentences():
        terminal.paragraph(sentence)


def tell_reasons(terminal: Terminal, tally: Tally) -> None:
    """Print the reasons why there is little or nothing to show, one line per reason."""
    for sentence in reasons(tally):
        terminal.paragraph(sentence)


def _print(tally: Tally, rows: list[Row], count: int) -> None:
    terminal = Terminal()
    terminal.line(headline(tally))
    if not rows:
        tell_reasons(terminal, tally)
        _tell_mapped(terminal, tally)
        _tell_size(terminal, tally)
        tell_notes(terminal, tally.profile)
        return
    table, paths = _table(tally, terminal), paths_of(tally.profile)
    terminal.line(table.headings, "bold")
    for key, sums, with_calls in rows[:count]:
        text = terminal.fitted_of(told_ways(key, sums, paths), table.width)
        terminal.line(table.numbers(sums, with_calls) + text)
    if len(rows) > count:
        terminal.line(f"{len(rows) - count} more; -n {len(rows)} shows all", "faint")
    tell_reasons(terminal, tally)
    _tell_peak(terminal, tally)
    _tell_mapped(terminal, tally)
    _tell_size(terminal, tally)
    tell_notes(terminal, tally.profile)


def _tell_size(terminal: Terminal, tally: Tally) -> None:
    """If the values describe what was held when the file was written, print how large the process was."""
    if tally.value_type in _SAMPLES:
        for line in lines_of_file(tally.profile):
            terminal.paragraph(line)


def _tell_peak(terminal: Terminal, tally: Tally) -> None:
    """If much more was live at the peak, print how to see it."""
    profile = tally.profile
    if tally.value_type != INUSE_SPACE or PEAK_SPACE not in profile.sample_types:
        return
    at = profile.sample_types.index(PEAK_SPACE)
    peak = sum(sample.values[at] for sample in profile.samples)
    if peak >= NOTABLE * tally.whole.value:
        terminal.paragraph(f"{amount(peak, 'bytes')} was live at the peak; --view peak shows its lines")


def _tell_mapped(terminal: Terminal, tally: Tally) -> None:
    """If much memory is mapped outside the heap, print how to see it."""
    profile = tally.profile
    if tally.value_type != INUSE_SPACE or MAPPED_SPACE not in profile.sample_types:
        return
    whole = Tally(profile, profile.sample_types.index(MAPPED_SPACE)).whole
    knows = RESIDENT_SPACE in profile.sample_types
    if whole.resident >= NOTABLE_BYTES:
        there = f", {amount(whole.resident, 'bytes')} of it in memory" if knows else ""
        both = "; --view resident shows everything in memory" if knows else ""
        terminal.paragraph(
            f"{amount(whole.value, 'bytes')} is mapped outside the heap{there}; --view mapped shows the lines{both}"
        )


def _table(tally: Tally, terminal: Terminal) -> SiteTable:
    """Choose the columns: intervals if they are known, else shares. In a narrow terminal, show neither.

    For mappings, and for live memory that is largely not resident, add a resident column. Add ages if they are known
    and there is room.
    """
    columns = _columns(tally)
    if tells_ages(tally.profile) and tally.value_type in (INUSE_SPACE, MAPPED_SPACE):
        table = SiteTable((*columns, OLDEST, MEDIAN_AGE))
        if terminal.leaves_room(table.width + _MORE_FOR_AGES):
            return table
    unit, table = tally.value_type.unit, SiteTable(columns)
    return table if terminal.leaves_room(table.width) else SiteTable((own(unit), total(unit)))


def _columns(tally: Tally) -> tuple[Column, ...]:
    unit, whole = tally.value_type.unit, tally.whole.value
    knows, absent = knows_resident(tally), whole - tally.whole.resident
    if tally.value_type == MAPPED_SPACE:
        return (own(unit, "mapped"), RESIDENT, total(unit)) if knows else (own(unit, "mapped"), total(unit))
    if knows and is_notable(absent, whole):
        return (own(unit), interval(unit), RESIDENT, total(unit))
    if tally.whole.is_drawn:
        return (own(unit), interval(unit), total(unit))
    return (own(unit), own_share(whole), total(unit), total_share(whole))


_MORE_FOR_AGES = 20
"""Ages are shown only if the names of sites have at least this many characters more than the minimum."""

_BESIDE_HEAP = (*MAPPED_TYPES, RESIDENT_SPACE)
"""Sample types that mappings also have."""


def reasons(tally: Tally) -> list[str]:
    """Return the reasons why there is little or nothing to show, and the remedies, one sentence per item."""
    name, ends, profile = tally.value_type.type, tally.whole_interval(), tally.profile
    if 0 < tally.whole.samples < FEW and tally.index == profile.time_index:
        return ["with few samples, the shares are uncertain"]
    if ends is None or tally.value_type in (MAPPED_SPACE, RESIDENT_SPACE):
        return [] if tally.stacks else [f"no sample has a value for {visible(name)}"]
    is_ours = profile.note("python") is not None
    frames = (frame for location in profile.locations for frame in location.frames)
    return list(
        explanation(
            live=tally.whole.samples,
            was_sampled=any(profile.sample_types[index] not in _BESIDE_HEAP for index in profile.valued_types),
            has_python=not is_ours or any(frame.is_python for frame in frames),
            rate=profile.period,
            unseen=ends[1],
            remedies=IN_FILES,
        )
    )


def whole_document(tally: Tally) -> dict[str, object]:
    """Return the fields with which every report's document begins."""
    ends = tally.whole_interval() or (None, None)
    return {
        "schema": "spprof-table-1",
        "sample_type": tally.value_type.type,
        "unit": tally.value_type.unit,
        "value": tally.whole.value,
        "low": ends[0],
        "high": ends[1],
        **notes_of(tally.profile).document(),
    }


def _document(tally: Tally, shown: list[Row], count: int) -> dict[str, object]:
    return {
        **whole_document(tally),
        "sites_in_file": count,
        "sites": [site_document(*row, knows_resident(tally)) for row in shown],
    }


def knows_resident(tally: Tally) -> bool:
    """Return whether the resident part of each value is known."""
    is_held = tally.value_type in (INUSE_SPACE, MAPPED_SPACE)
    return is_held and RESIDENT_SPACE in tally.profile.sample_types


def site_document(key: SiteKey, site: Site, with_calls: int, knows_resident: bool = False) -> dict[str, object]:
    """Return one row as JSON."""
    ends = site.interval() or (None, None)
    return {
        "function": key.function,
        "file": key.file,
        "line": key.line,
        "own": site.value,
        "own_low": ends[0],
        "own_high": ends[1],
        "total": with_calls,
        "resident": site.resident if knows_resident else None,
        "samples": site.samples if site.has_spread else None,
        "oldest_seconds": site.ages.oldest,
        "median_age_seconds": site.ages.median,
        "native_function": site.native_function,
        "your_line": site.your_line and site.your_line._asdict(),
    }
