"""``spprof flamegraph FILE -o OUT``: the file as a page that any browser opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof.cli.arguments import add_output_arguments, read, refusal, sample_type_index

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a pprof file, ours or another tool's")
    parser.add_argument("--sample-type", metavar="TYPE", help="which values to show first (default: the file's own)")
    add_output_arguments(parser)
    parser.set_defaults(parser=parser)


def main(arguments: argparse.Namespace) -> int:
    reason = refusal(arguments.output, arguments.force)
    if reason:
        arguments.parser.error(reason)
    profile = read(arguments.file)
    sample_type_index(profile, arguments.file, arguments.sample_type)
    from spprof.formats.atomic_file import write_file
    from spprof.report.build import report_of
    from spprof.report.page import written

    write_file(arguments.output, written(report_of(profile, arguments.sample_type)))
    return 0
