"""``spprof stats``: summarizes a profile in a few lines."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from spprof.analysis.by_site import Tally
from spprof.analysis.notes import notes_of
from spprof.cli.arguments import add_json_argument, print_json
from spprof.cli.inputs import add_file_arguments, read_sum
from spprof.cli.table import tell_notes
from spprof.cli.terminal import Terminal
from spprof.report.facts import period_text
from spprof.text import amount, interval_text, visible

if TYPE_CHECKING:
    import argparse

    from spprof.pprof.profile import Profile


EXAMPLES = (
    ("spprof stats heap.pb.gz", "shows a file's totals, counts, time and notes"),
    ("spprof stats profiles/", "shows the same for all files in a folder combined"),
    ("spprof stats --json heap.pb.gz", "prints JSON for a script"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_file_arguments(parser)
    add_json_argument(parser)


def main(arguments: argparse.Namespace) -> int:
    profile = read_sum(arguments)
    document = _document(profile)
    if arguments.json:
        print_json(document)
    else:
        _print(profile)
    return 0


def _print(profile: Profile) -> None:
    terminal = Terminal()
    for index, value_type in enumerate(profile.sample_types):
        tally = Tally(profile, index)
        text = amount(tally.whole.value, value_type.unit)
        ends = tally.whole_interval()
        if ends:
            text += f" ({interval_text(ends, value_type.unit)}, 95 %)"
        terminal.line(f"{visible(value_type.type):<20}{text}")
    for name, value in _counts(profile).items():
        terminal.line(f"{'entries' if name == 'samples' else name:<20}{value}")  # also a sample type of CPU profiles
    if profile.period:
        terminal.line(f"{'period':<20}{period_text(profile)}")
    if profile.time_ns:
        terminal.line(f"{'time':<20}{_time(profile)}")
    if profile.duration_ns:
        terminal.line(f"{'duration':<20}{amount(profile.duration_ns, 'nanoseconds')}")
    for comment in profile.comments:
        key, colon, text = comment.partition(": ")
        terminal.line(f"{visible(key):<20}{visible(text)}" if colon else visible(comment))
    tell_notes(terminal, profile)


def _counts(profile: Profile) -> dict[str, int]:
    return {
        "samples": len(profile.samples),
        "stacks": len({sample.stack for sample in profile.samples}),
        "locations": len(profile.locations),
        "mappings": len(profile.mappings),
    }


def _time(profile: Profile) -> str | None:
    """Return when the profile was taken, in UTC; None if no calendar can represent it."""
    try:
        return datetime.fromtimestamp(profile.time_ns // 10**9, timezone.utc).isoformat()
    except (OverflowError, ValueError, OSError):
        return None


def _document(profile: Profile) -> dict[str, object]:
    types = []
    for index, value_type in enumerate(profile.sample_types):
        tally = Tally(profile, index)
        ends = tally.whole_interval() or (None, None)
        types.append(
            {
                "type": value_type.type,
                "unit": value_type.unit,
                "value": tally.whole.value,
                "low": ends[0],
                "high": ends[1],
            }
        )
    return {
        "schema": "spprof-stats-1",
        "sample_types": types,
        "default_sample_type": profile.sample_types[profile.default_index].type,
        **_counts(profile),
        "period_type": profile.period_type.type,
        "period_unit": profile.period_type.unit,
        "period": profile.period,
        "time_ns": profile.time_ns,
        "duration_ns": profile.duration_ns,
        **notes_of(profile).document(),
        "comments": list(profile.comments),
    }
