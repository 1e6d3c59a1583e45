"""``spprof snapshot PID -o FILE``: writes a heap profile of a process, which continues to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof import formats
from spprof.cli import client
from spprof.cli.arguments import add_output_arguments, add_pid_argument, format_of_output, refusal
from spprof.formats import atomic_file

if TYPE_CHECKING:
    import argparse

EXAMPLES = (
    ("spprof snapshot 4711 -o heap.pb.gz", "saves what is live now; view it with spprof table heap.pb.gz"),
    ("spprof snapshot 4711 -o heap.html", "saves an HTML page with a flame graph"),
    ("spprof snapshot 4711 -f -o latest.pb.gz", "replaces the previous snapshot"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_pid_argument(parser)
    add_output_arguments(parser)
    parser.set_defaults(parser=parser)


def main(arguments: argparse.Namespace) -> int:
    output = arguments.output
    reason = refusal(output, arguments.force)
    if reason:
        arguments.parser.error(reason)
    process = client.process(arguments.pid)
    process.need_same_version()
    profile, data = process.heap()
    if format_of_output(output) == "pprof":
        atomic_file.write_file(output, [data])
    else:
        formats.save(profile, output)
    return 0
