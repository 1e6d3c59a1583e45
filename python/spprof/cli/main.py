"""The command line's entry point: selects the verb and turns errors into one line and an exit status.

Exit status: 0 for success, 1 for a file that cannot be read or written, 2 for bad usage. ``run`` exits with the
program's status.
"""

from __future__ import annotations

import os
import sys

from spprof import __version__
from spprof.cli.arguments import told_examples
from spprof.cli.terminal import say
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

VERBS = {
    "run": "run a program and write its heap profile, its CPU profile, or both",
    "table": "list the sites that hold the most memory or use the most time",
    "tree": "show the call tree, with what each call holds or uses",
    "imports": "show what each import costs, by itself and including everything it imports",
    "flamegraph": "write an HTML page with a flame graph and a table of sites",
    "growth": "show which sites grow over a series of snapshots and whether they look like leaks",
    "rss": "break down a process's resident memory and show what would reduce each part",
    "stats": "summarize a profile in a few lines",
    "diff": "compare two profiles and separate real changes from noise",
    "merge": "merge several profiles into one",
    "convert": "convert a profile to another format",
    "ps": "list the running processes that spprof can query",
    "top": "watch which lines hold the memory of a running process",
    "dump": "print the current stack of each thread of a running process",
    "snapshot": "save a heap profile of a running process to a file",
    "attach": "start profiling a process that is already running (CPython 3.14 and later)",
    "preload-path": "print the path of the library for LD_PRELOAD",
}

_INTERRUPTED = 130


def main(words: list[str] | None = None) -> int:
    """Run the command line ``words`` (default: this process's arguments) and return the exit status."""
    words = sys.argv[1:] if words is None else words
    if sys.stdout is None:  # closed before Python started
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _verb(words)
    except BrokenPipeError:  # the reader of our output closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        name = f"{visible(os.fsdecode(error.filename))}: " if error.filename is not None else ""
        return _failed(f"{name}{error.strerror or error}")
    except KeyboardInterrupt:
        return _INTERRUPTED


def _verb(words: list[str]) -> int:
    verb = words[0] if words else ""
    if verb == "run":
        from spprof.cli import run

        return run.main(words[1:])
    if verb not in VERBS:
        return _without_verb(words)
    return _report(verb, words[1:])


def _report(verb: str, words: list[str]) -> int:
    """Run any verb other than ``run``, which avoids the imports that these verbs share."""
    import gc
    from importlib import import_module

    from spprof.pprof.profile import ProfileError

    module = import_module("spprof.cli." + verb.replace("-", "_"))
    words = getattr(module, "prepared", list)(words)
    gc.disable()  # a profile consists of a million objects without cycles: collection would double the time to read it
    try:
        status: int = module.main(parser_of(verb, module).parse_args(words))
    except ProfileError as error:
        return _failed(str(error))
    sys.stdout.flush()
    return status


def parser_of(verb: str, module: Any) -> argparse.ArgumentParser:
    """Return the parser of ``verb``, which ``module`` implements."""
    import argparse

    parser = argparse.ArgumentParser(
        prog=f"spprof {verb}",
        description=f"{VERBS[verb][0].upper()}{VERBS[verb][1:]}.",
        epilog=told_examples(module.EXAMPLES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    return parser


def _without_verb(words: list[str]) -> int:
    """Print the help or the version, or report an unknown verb."""
    import argparse

    rows = "\n".join(f"  {verb:<14}{text}" for verb, text in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="spprof",
        usage="spprof VERB ...",
        description="A sampling heap and CPU profiler for Python programs.",
        epilog=f"verbs (spprof VERB --help describes each):\n{rows}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"spprof {__version__}")
    parser.add_argument("verb", choices=VERBS, help=argparse.SUPPRESS)
    parser.parse_args(words[:1])
    raise AssertionError("a known verb was not recognized")


def _failed(message: str) -> int:
    say(message)
    return 1
