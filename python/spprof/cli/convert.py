"""``spprof convert FILE -o OUT``: writes a file, or a snapshot of a series, in the format of OUT's suffix."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from spprof import formats
from spprof.cli.arguments import add_output_arguments, refusal
from spprof.cli.inputs import read, read_at
from spprof.text import visible

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from spprof.pprof.profile import Profile

EXAMPLES = (
    ("spprof convert heap.pb.gz -o heap.json", "converts the file for speedscope"),
    ("spprof convert ddtrace.pb.gz -o heap.html", "turns another tool's profile into an HTML page"),
    ("spprof convert series/ --at 12:30 -o then.pb.gz", "extracts what was live at 12:30 from a series of snapshots"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a pprof file, from spprof or another tool, or a folder")
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="use the last snapshot of a folder's series at or before TIME: 12:30, 12:30:05, 2026-11-30T12:30, +10m "
        "(after the first) or -10m (before the last); default: the latest",
    )
    add_output_arguments(parser)
    parser.add_argument("--no-source", action="store_true", help="leave source lines out of an .html file")
    parser.set_defaults(parser=parser)


def main(arguments: argparse.Namespace) -> int:
    output = arguments.output
    if not formats.suffix_of(output):
        arguments.parser.error(f"{visible(output)} has no known suffix; use {', '.join(formats.SUFFIXES)}")
    reason = refusal(output, arguments.force)
    if reason:
        arguments.parser.error(reason)
    formats.save(_read(arguments), output, with_source=not arguments.no_source)
    return 0


def prepared(words: Sequence[str]) -> list[str]:
    """Join ``--at -10m`` into one word: ``argparse`` treats any word that begins with ``-`` as an option."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "--at" and word[:1] == "-" and word[1:2].isdigit():
            joined[-1] = f"--at={word}"
        else:
            joined.append(word)
    return joined


def _read(arguments: argparse.Namespace) -> Profile:
    if arguments.at is None:
        return read(arguments.file)
    if not os.path.isdir(arguments.file):
        arguments.parser.error(
            f"--at needs a folder with a series of snapshots; {visible(arguments.file)} is not a folder"
        )
    try:
        return read_at(arguments.file, arguments.at)
    except ValueError as error:
        message = str(error)
    arguments.parser.error(message)
    raise AssertionError("argparse ends the program")
