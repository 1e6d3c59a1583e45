"""``spprof flamegraph FILE -o OUT``: the file as a page that any browser opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof.cli.arguments import add_output_arguments, add_view_arguments, chosen_type, read, refusal

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a pprof file, ours or another tool's")
    add_view_arguments(parser, "which values to show first")
    add_output_arguments(parser)
    parser.set_defaults(parser=parser)


def main(arguments: argparse.Namespace) -> int:
    reason = refusal(arguments.output, arguments.force)
    if reason:
        arguments.parser.error(reason)
    profile = read(arguments.file)
    chosen = profile.sample_types[chosen_type(profile, arguments.file, arguments)].type
    is_named = arguments.sample_type is not None or arguments.view is not None
    from spprof.formats.atomic_file import write_file
    from spprof.report.build import report_of
    from spprof.report.page import written

    write_file(arguments.output, written(report_of(profile, chosen if is_named else None)))
    return 0
