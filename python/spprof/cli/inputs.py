"""The files that a report is of: one, or the sum of several and of what folders hold.

FILE                  as it is
FILE… DIR…            heap profiles, or with --cpu CPU profiles, whatever else is among them; added up
DIR with a series     its latest moment counts as one file
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
    """FILE… and --cpu. ``more``: what else a word may be."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help=f"pprof files, from spprof or other tools, or folders of them; several are added up{more}",
    )
    parser.add_argument(
        "--cpu", action="store_true", help="of several files, read the CPU profiles (default: the heap profiles)"
    )


def add_stack_arguments(parser: argparse.ArgumentParser) -> None:
    """--no-native and --older-than."""
    parser.add_argument(
        "--no-native",
        action="store_true",
        help="leave out native frames; what they hold counts for the Python line that called them",
    )
    parser.add_argument(
        "--older-than",
        type=_age,
        metavar="AGE",
        help="only show live memory allocated longer ago than AGE: 30s, 10m, 2h, 1d (a plain number is seconds)",
    )


def _age(text: str) -> float:
    try:
        return seconds_of(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not an age; use for example 30s, 10m, 2h or 1d") from None


def read(path: str) -> Profile:
    """The profile in the file, or what a folder's heap profiles add up to. ProfileError names the file."""
    return _sum_of(_of_one_kind(_profiles_of(path), is_cpu=False))


def read_at(folder: str, at: str) -> Profile:
    """What the process of each series in ``folder`` held at the moment ``at``, added up.

    ProfileError: there is no snapshot of then. ValueError: ``at`` is no moment; the message is for people.
    """
    return _sum_of(read_moment(folder, at))


def read_each(paths: Sequence[str]) -> list[tuple[str, Profile]]:
    """The profiles in the files, and the heap profiles in the folders, each with the path of its file. ProfileError
    names the file."""
    return [one for path in paths for one in _of_one_kind(_profiles_of(path), is_cpu=False)]


def read_sum(arguments: argparse.Namespace, *, tells_processes: bool = False) -> Profile:
    """The profile that the files add up to. ``tells_processes``: each sample is labelled with its process, where that
    is known.

    ProfileError: a file cannot be read, a folder has none, or they do not add up.
    """
    named = [one for given in arguments.files for one in _profiles_of(given)]
    if len(named) > 1 or arguments.cpu:
        named = _of_one_kind(named, is_cpu=arguments.cpu)
    if tells_processes:
        named = [(path, with_own_process(profile)) for path, profile in named]
    return _sum_of(named)


def read_shown(arguments: argparse.Namespace, *, tells_processes: bool = False) -> Profile:
    """As ``read_sum``, with stacks as a reader wants them: ``shown``."""
    return shown(read_sum(arguments, tells_processes=tells_processes), arguments)


def shown(profile: Profile, arguments: argparse.Namespace) -> Profile:
    """``profile`` with each import as one frame, and with --no-native without native frames."""
    if arguments.older_than is not None:
        if not tells_ages(profile):
            raise ProfileError(
                "--older-than needs the ages of blocks, which only heap profiles of this version of spprof have"
            )
        profile = older_than(profile, arguments.older_than)
    return folded(profile, arguments)


def folded(profile: Profile, arguments: argparse.Namespace) -> Profile:
    """``profile`` with each import as one frame, and with --no-native without native frames, whatever their age."""
    profile = with_imports_folded(profile)
    return without_native(profile) if arguments.no_native else profile


def _profiles_of(path: str) -> list[tuple[str, Profile]]:
    return read_latest(path) if os.path.isdir(path) else [(path, read_file(path))]


def _sum_of(named: list[tuple[str, Profile]]) -> Profile:
    profiles = [profile for _, profile in named]
    return profiles[0] if len(profiles) == 1 else merged(profiles, [visible(path) for path, _ in named])


def _of_one_kind(named: list[tuple[str, Profile]], is_cpu: bool) -> list[tuple[str, Profile]]:
    """The CPU profiles, or the others. Where there are none but CPU profiles, those are meant."""
    wanted = [one for one in named if (one[1].time_index >= 0) == is_cpu]
    if not wanted and is_cpu:
        raise ProfileError(f"{visible(named[0][0])}{' …' if len(named) > 1 else ''}: there is no CPU profile")
    return wanted or named
