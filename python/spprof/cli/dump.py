"""``spprof dump PID``: prints what every thread of a process is doing, even if the process is stuck."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from spprof.cli import client
from spprof.cli.arguments import add_pid_argument

if TYPE_CHECKING:
    import argparse

EXAMPLES = (
    ("spprof dump 4711", "prints the stack of each thread, innermost call first"),
    ("spprof dump 4711 4712", "does the same for two processes"),
    ("spprof dump --with acquire 4711", "prints only the threads with this word in a line"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_pid_argument(parser, nargs="+")
    parser.add_argument(
        "--with", metavar="WORD", dest="word", help="only print threads whose name or stack contains WORD"
    )


def main(arguments: argparse.Namespace) -> int:
    processes = [client.process(pid) for pid in arguments.pid]
    for number, process in enumerate(processes):
        text = process.get("/stacks").decode("utf-8", "replace")
        sys.stdout.write(
            ("\n" if number else "") + (text if arguments.word is None else with_word(text, arguments.word))
        )
    return 0


def with_word(text: str, word: str) -> str:
    """Return ``text`` without the threads that do not contain ``word`` in any line."""
    head, *threads = text.rstrip("\n").split("\n\n")
    return "\n\n".join([head, *(thread for thread in threads if word in thread)]) + "\n"
