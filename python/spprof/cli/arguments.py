"""Code that the verbs share: options, checks of output files, and JSON output."""

from __future__ import annotations

import os
import sys

from spprof.on_demand import module
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from spprof import formats
    from spprof.formats import atomic_file
    from spprof.pprof import profile as profiles
    from spprof.pprof.profile import Profile
else:
    atomic_file, formats = module("spprof.formats.atomic_file"), module("spprof.formats")
    profiles = module("spprof.pprof.profile")


def told_examples(examples: Iterable[tuple[str, str]]) -> str:
    """Return the end of a verb's help: example commands, each with an explanation."""
    return "examples:\n" + "".join(f"  {command}\n      {what}\n" for command, what in examples)


def add_report_arguments(parser: argparse.ArgumentParser, rows: int) -> None:
    """Add --view, --sample-type, -n and --json."""
    add_view_arguments(parser, "view of a heap profile")
    parser.add_argument(
        "-n", "--rows", type=row_count, default=rows, metavar="N", help=f"maximum number of rows (default: {rows})"
    )
    add_json_argument(parser)


def add_view_arguments(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --view and --sample-type, which exclude each other."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--view", choices=tuple(profiles.VIEWS), help=f"{what} (default: live)")
    either.add_argument(
        "--sample-type", metavar="TYPE", help="sample type to show instead of a view (default: the file's default)"
    )


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON (docs/cli.md describes the schema)")


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="output file")
    parser.add_argument("-f", "--force", action="store_true", help="overwrite FILE if it exists")


def add_pid_argument(parser: argparse.ArgumentParser, nargs: str | None = None) -> None:
    """Add the argument PID, or several with ``nargs``."""
    what = "a listening process owned by this user (see spprof ps)"
    parser.add_argument("pid", metavar="PID", type=_pid, nargs=nargs, help=what)


def _pid(text: str) -> int:
    """Parse a process id. A ValueError is reported by argparse."""
    pid = int(text)
    if pid <= 0:
        raise ValueError(text)
    return pid


def row_count(text: str) -> int:
    """Parse a number of rows, 0 or more. A ValueError is reported by argparse."""
    count = int(text)
    if count < 0:
        raise ValueError(text)
    return count


def chosen_type(profile: Profile, path: str, arguments: argparse.Namespace) -> int:
    """Return the index of the sample type that --view or --sample-type selects, or else the file's default.

    ProfileError: the profile has no such sample type.
    """
    wanted, view = arguments.sample_type, arguments.view
    if wanted is None and view is None:
        return profile.default_index
    names = [value_type.type for value_type in profiles.VIEWS[view]] if view else [wanted]
    for index, value_type in enumerate(profile.sample_types):
        if value_type.type in names:
            return index
    views = [view for view, types in profiles.VIEWS.items() if any(one in profile.sample_types for one in types)]
    if view is None:
        raise profiles.ProfileError(f"{visible(path)}: no sample type {wanted!r}; the file has {profile.type_names}")
    if views:
        raise profiles.ProfileError(
            f"{visible(path)}: no view {view!r}; the file has {', '.join(views)}{_MISSING.get(view, '')}"
        )
    raise profiles.ProfileError(f"{visible(path)}: not a heap profile; choose a --sample-type: {profile.type_names}")


_MISSING = {
    "peak": " (other tools and earlier versions of spprof do not record the peak)",
    "mapped": ' (mappings are not recorded with native="off", by other tools or by earlier versions of spprof)',
    "resident": " (resident sizes were not requested, or could not be measured for everything)",
}
"""The reasons why a file may lack a view."""


def current_folder() -> str | None:
    """Return this process's current folder; None: the folder has been removed."""
    try:
        return os.getcwd()
    except OSError:
        return None


def seen_from(folder: str, path: str) -> str:
    """Return ``path`` relative to ``folder`` if it is inside that folder."""
    return path[len(folder) + 1 :] if path.startswith(folder + os.sep) else path


def absolute(path: str) -> str:
    """Return ``path`` made absolute. FileNotFoundError: it is relative, and the current folder has been removed."""
    return os.path.normpath(path) if os.path.isabs(path) else os.path.abspath(path)


def print_json(document: dict[str, object]) -> None:
    """Print one JSON document to stdout, in ASCII so that any locale can represent it."""
    import json

    json.dump(document, sys.stdout, indent=1)
    print()


def refusal(path: str, force: bool) -> str | None:
    """Return the reason why ``path`` must not be written; None if it may be."""
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path):
        return f"{visible(path)} is a folder; add a file name"
    if atomic_file.is_written_directly(path):
        return None
    if not os.path.isdir(folder):
        return f"the folder {visible(folder)} does not exist"
    if not os.access(folder, os.W_OK):
        return f"the folder {visible(folder)} is not writable"
    return f"{visible(path)} already exists; use -f to overwrite it" if os.path.lexists(path) and not force else None


def format_of_output(path: str) -> str:
    """Return the format for an output file of this name: pprof, unless its suffix selects another."""
    return formats.format_of(path) if formats.suffix_of(path) else "pprof"
