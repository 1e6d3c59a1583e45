"""``spprof flamegraph FILE…``: writes a page that any browser opens."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from spprof.cli.arguments import add_view_arguments, chosen_type, refusal
from spprof.cli.inputs import add_file_arguments, add_stack_arguments, folded, read_shown, shown
from spprof.cli.terminal import say, shell_word
from spprof.formats import suffix_of

if TYPE_CHECKING:
    import argparse

    from spprof.pprof.profile import Profile
    from spprof.report.history import Moment

EXAMPLES = (
    ("spprof flamegraph --view peak heap.pb.gz", "writes heap.html, which opens with what was live at the peak"),
    ("spprof flamegraph series/", "shows how the heap of one process grew and what was allocated when"),
    ("spprof flamegraph --no-native profiles/ -o all.html", "shows all workers on one page, without native frames"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_file_arguments(parser)
    add_stack_arguments(parser)
    add_view_arguments(parser, "view of a heap profile to show first")
    parser.add_argument("-o", "--output", metavar="OUT", help="output file (default: the first FILE's name with .html)")
    parser.add_argument("-f", "--force", action="store_true", help="overwrite OUT if it exists")
    parser.add_argument("--no-source", action="store_true", help="leave out the source lines of the largest sites")
    parser.set_defaults(parser=parser)


def main(arguments: argparse.Namespace) -> int:
    output = arguments.output or _beside(_first_file(arguments))
    reason = refusal(output, arguments.force)
    if reason:
        arguments.parser.error(reason)
    profile, moments = _read(arguments)
    chosen = profile.sample_types[chosen_type(profile, arguments.files[0], arguments)].type
    is_named = arguments.sample_type is not None or arguments.view is not None
    from spprof.formats.atomic_file import write_file
    from spprof.report.build import report_of
    from spprof.report.page import written

    report = report_of(profile, chosen if is_named else None, not arguments.no_source, moments)
    write_file(output, written(report))
    if not arguments.output:
        say(f"wrote {shell_word(output)}")
    return 0


def _read(arguments: argparse.Namespace) -> tuple[Profile, list[Moment]]:
    """Return the profile, without any moments. For a folder with a single series, return its latest profile and all
    moments.
    """
    if len(arguments.files) == 1 and os.path.isdir(arguments.files[0]) and not arguments.cpu:
        from spprof.cli.folders import read_history

        found = read_history(arguments.files[0], lambda profile: folded(profile, arguments))
        if found is not None:
            return shown(found[0], arguments), found[1]
    return read_shown(arguments), []


def _first_file(arguments: argparse.Namespace) -> str:
    """Return the first file that may be of the requested kind."""
    files: list[str] = arguments.files
    return next((path for path in files if arguments.cpu or ".cpu." not in os.path.basename(path)), files[0])


def _beside(path: str) -> str:
    """Return the default output: ``heap.html`` for ``heap.pb.gz``, ``profiles.html`` for the folder ``profiles/``."""
    path = path.rstrip(os.sep) or path
    return f"{path[: len(path) - len(suffix_of(path))]}.html"
