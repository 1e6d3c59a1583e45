"""The files that a report reads: a single file, or the sum of several files and of the contents of folders.

FILE                  read unchanged
FILE… DIR…            only heap profiles, or only CPU profiles with --cpu, added up
DIR with a series     its latest snapshot counts as one file
"""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

from spprof.analysis.ages import older_than, seconds_of, tells_ages
from spprof.analysis.imports import with_imports_folded
from spprof.analysis.native import without_native
from spprof.cli.folders import read_file, read_latest, read_moment
from spprof.pprof.merge import merged
from spprof.pprof.processes import with_own_process
from spprof.pprof.profile import ProfileError
from spprof.text import visible

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from spprof.pprof.profile import Profile


def add_file_arguments(parser: argparse.ArgumentParser, more: str = "") -> None:
    """Add FILE… and --cpu. ``more``: help text about what else FILE may be."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="pprof files, from spprof or other tools, or folders of them; if several are given, they are added "
        f"together{more}",
    )
    parser.add_argument(
        "--cpu", action="store_true", help="with several files, read the CPU profiles (default: the heap profiles)"
    )


def add_stack_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --no-native and --older-than."""
    parser.add_argument(
        "--no-native",
        action="store_true",
        help="leave out native frames; what they hold is attributed to the Python line that called them",
    )
    parser.add_argument(
        "--older-than",
        type=_age,
        metavar="AGE",
        help="only show live memory allocated more than AGE ago: 30s, 10m, 2h, 1d (a plain number means seconds)",
    )


def _age(text: str) -> float:
    try:
        return seconds_of(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not an age; use for example 30s, 10m, 2h or 1d") from None


def read(path: str) -> Profile:
    """Return the profile in the file, or the sum of a folder's heap profiles. The message of a ProfileError names the
    file.
    """
    return _sum_of(_of_one_kind(_profiles_of(path), is_cpu=False))


def read_at(folder: str, at: str) -> Profile:
    """Return the sum of what the processes of the series in ``folder`` held at the time ``at``.

    ProfileError: there is no snapshot from that time. ValueError: ``at`` is not a valid time; the message is for the
    user.
    """
    return _sum_of(read_moment(folder, at))


def read_each(paths: Sequence[str]) -> list[tuple[str, Profile]]:
    """Return the profiles in the files and the heap profiles in the folders, each with its file's path. The message of
    a ProfileError names the file.
    """
    return [one for path in paths for one in _of_one_kind(_profiles_of(path), is_cpu=False)]


def read_sum(arguments: argparse.Namespace, *, tells_processes: bool = False) -> Profile:
    """Return the sum of the files. ``tells_processes``: label each sample with its process, if known.

    ProfileError: a file cannot be read, a folder has no profile, or the files cannot be added up.
    """
    named = [one for given in arguments.files for one in _profiles_of(given)]
    if len(named) > 1 or arguments.cpu:
        named = _of_one_kind(named, is_cpu=arguments.cpu)
    if tells_processes:
        named = [(path, with_own_process(profile)) for path, profile in named]
    return _sum_of(named)


def read_shown(arguments: argparse.Namespace, *, tells_processes: bool = False) -> Profile:
    """Like ``read_sum``, but with the stacks prepared for display by ``shown``."""
    return shown(read_sum(arguments, tells_processes=tells_processes), arguments)


def shown(profile: Profile, arguments: argparse.Namespace) -> Profile:
    """Return ``profile`` as ``folded`` does, but restricted by --older-than if it was given."""
    if arguments.older_than is not None:
        if not tells_ages(profile):
            raise ProfileError(
                "--older-than needs the ages of blocks, which only heap profiles written by this version of spprof "
                "contain"
            )
        profile = older_than(profile, arguments.older_than)
    return folded(profile, arguments)


def folded(profile: Profile, arguments: argparse.Namespace) -> Profile:
    """Return ``profile`` with each import as one frame and, with --no-native, without native frames."""
    profile = with_imports_folded(profile)
    return without_native(profile) if arguments.no_native else profile


def _profiles_of(path: str) -> list[tuple[str, Profile]]:
    return read_latest(path) if os.path.isdir(path) else [(path, read_file(path))]


def _sum_of(named: list[tuple[str, Profile]]) -> Profile:
    profiles = [profile for _, profile in named]
    return profiles[0] if len(profiles) == 1 else merged(profiles, [visible(path) for path, _ in named])


def _of_one_kind(named: list[tuple[str, Profile]], is_cpu: bool) -> list[tuple[str, Profile]]:
    """Return only the CPU profiles, or only the other ones. If there are only CPU profiles, return those in either
    case.
    """
    wanted = [one for one in named if (one[1].time_index >= 0) == is_cpu]
    if not wanted and is_cpu:
        raise ProfileError(f"{visible(named[0][0])}{' …' if len(named) > 1 else ''}: there is no CPU profile")
    return wanted or named
