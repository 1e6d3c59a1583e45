"""``spprof convert FILE -o OUT``: a file in the format that the suffix of OUT means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof import formats
from spprof.cli.arguments import add_output_arguments, refusal
from spprof.cli.inputs import read
from spprof.text import visible

if TYPE_CHECKING:
    import argparse


EXAMPLES = (
    ("spprof convert heap.pb.gz -o heap.json", "for speedscope"),
    ("spprof convert heap.pb.gz -o heap.collapsed", "for flamegraph.pl and its kin"),
    ("spprof convert ddtrace.pb.gz -o heap.html", "another tool's file as our page"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a pprof file, ours or another tool's")
    add_output_arguments(parser)
    parser.add_argument("--no-source", action="store_true", help="leave source lines out of .html")
    parser.set_defaults(parser=parser)


def main(arguments: argparse.Namespace) -> int:
    output = arguments.output
    if not formats.suffix_of(output):
        arguments.parser.error(f"the suffix of {visible(output)} names no format; use {', '.join(formats.SUFFIXES)}")
    reason = refusal(output, arguments.force)
    if reason:
        arguments.parser.error(reason)
    formats.save(read(arguments.file), output, with_source=not arguments.no_source)
    return 0
