"""``spprof merge FILES… -o OUT``: merges several files into one, for example those of a program's workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof import formats
from spprof.cli.arguments import add_output_arguments, refusal
from spprof.cli.inputs import read_each
from spprof.pprof.merge import merged
from spprof.pprof.processes import with_processes_apart
from spprof.text import visible

if TYPE_CHECKING:
    import argparse


EXAMPLES = (
    ("spprof merge app.*.pb.gz -o all.pb.gz", "merges the workers of a program into one file"),
    ("spprof merge monday.pb.gz tuesday.pb.gz -o both.pb.gz", "adds up two runs"),
    ("spprof merge -f app.pb.gz app.*.pb.gz -o all.pb.gz", "overwrites all.pb.gz"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="pprof files with the same sample types, or folders")
    add_output_arguments(parser)
    parser.set_defaults(parser=parser)


def main(arguments: argparse.Namespace) -> int:
    reason = refusal(arguments.output, arguments.force)
    if reason:
        arguments.parser.error(reason)
    named = read_each(arguments.files)
    profiles = with_processes_apart([profile for _, profile in named])
    formats.save(merged(profiles, [visible(path) for path, _ in named]), arguments.output, "pprof")
    return 0
