"""Folders as input for reports: one snapshot of each series, and the other profiles. A sentence on stderr names what
was left out.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from spprof.analysis.moments import profile_alone, profile_at
from spprof.cli.moment_times import FORMS, choice_of, first_and_last, told_jumps, told_time
from spprof.cli.terminal import progress, say
from spprof.pprof.file import read_profile
from spprof.pprof.profile import Profile, ProfileError
from spprof.pprof.series import LeftOut
from spprof.pprof.series_folder import Folder, list_of, read_folder
from spprof.pprof.series_names import WHOLE_SUFFIX
from spprof.pprof.series_stamp import WHOLE, stamp_of
from spprof.report.history import SeriesSums
from spprof.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spprof.pprof.series import Entry, Series
    from spprof.report.history import Moment

    Named = list[tuple[str, Profile]]
    """Profiles, with the paths of their files."""


def read_file(path: str) -> Profile:
    """Return the profile in the file, showing progress on a terminal. A whole snapshot of a series is treated like any
    other profile.

    ProfileError: the file cannot be read, or holds only changes of a series. The message names the file.
    """
    show = progress(path)
    profile = read_profile(path, show)
    if show:
        show(1.0)
    try:
        stamp = stamp_of(profile)
    except ProfileError as error:
        raise ProfileError(f"{visible(path)}: {error}") from error
    if stamp is not None and stamp.reference != WHOLE:
        raise ProfileError(
            f"{visible(path)}: it only holds what changed since snapshot {stamp.reference} of its series; give the "
            f"folder, or extract a moment of it: spprof convert FOLDER --at TIME -o x.pb.gz"
        )
    return profile_alone(profile)


def read_latest(path: str) -> Named:
    """Return the latest snapshot of each series in the folder ``path``, and the other profiles in it.

    ProfileError: it has neither, or none can be read.
    """
    folder = listed(path)
    if not folder.series and not folder.left_out:
        if not folder.profiles:
            raise ProfileError(f"{visible(path)}: the folder has no {WHOLE_SUFFIX} files")
        return [(one, read_file(one)) for one in folder.profiles]
    found, used = _moments(folder, lambda _: None)
    for one in folder.profiles:
        profile = _beside(one, folder)
        if profile is not None:
            found.append((one, profile))
            used.append(os.path.basename(one))
    if not found:
        raise nothing_left(folder)
    tell(folder, used)
    return found


def read_history(path: str, shown: Callable[[Profile], Profile]) -> tuple[Profile, list[Moment]] | None:
    """For a folder whose heap profiles form one series, return the latest snapshot, with ALLOCATED_BY labels, and all
    moments. None: they form several series, or none.

    ``shown``: transforms a profile's stacks for display. ProfileError: no snapshot can be read.
    """
    folder = listed(path)
    if len(folder.series) != 1 or any(".cpu." not in os.path.basename(one) for one in folder.profiles):
        return None
    series, show = folder.series[0], progress(f"{folder.series[0].stem} ")
    sums = SeriesSums(series.locations, shown, series.mappings)
    moments, last = [], None
    for last in series.states(show):
        moments.append(sums.moment(last.header, last.stacks, last.entry.monotonic_ms))
    if show:
        show(1.0)
    if last is None:
        raise nothing_left(folder)
    tell(folder, [series.stem])
    return profile_at(series, last, keeps_dates=True), moments


def read_moment(path: str, at: str) -> Named:
    """Return the last snapshot at or before ``at`` of each series in the folder ``path``.

    ProfileError: there is none. ValueError: ``at`` is not a valid time; the message is for the user.
    """
    folder = listed(path)
    series = [one for one in folder.series if one.entries]
    if not series:
        if folder.all_left_out:
            raise nothing_left(folder)
        raise ProfileError(f"{visible(path)}: the folder has no series of snapshots, which --at needs")
    between, jumps = first_and_last(series), told_jumps(series)
    try:
        choice = choice_of(at, series)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{at!r} is not a time; use {FORMS}; {between}") from None
    found, used = _moments(folder, choice)
    if not found:
        if not any(one.entries for one in series):
            raise nothing_left(folder)
        raise ProfileError(f"{visible(path)}: there is no snapshot at or before {at}; {between}")
    for one in folder.profiles:
        folder.left_out.append(LeftOut(os.path.basename(one), "it is not part of a series"))
    tell(folder, used, jumps, always=True)
    return found


def listed(path: str) -> Folder:
    """Return the folder's contents, showing progress on a terminal."""
    show = progress(path.rstrip(os.sep))
    folder = read_folder(path, show)
    if show:
        show(1.0)
    return folder


def tell(folder: Folder, used: Sequence[str], notes: Sequence[str] = (), *, always: bool = False) -> None:
    """Print what was used, what was left out, and any ``notes``. Unless ``always`` is true, print this only if
    something was left out.
    """
    left = folder.left_out_text
    if (left or always) and used:
        rest = [f"left out: {left}"] if left else []
        told = "; ".join([f"used {list_of(list(map(visible, used)))}", *rest, *notes])
        say(f"{visible(folder.path)}: {told}")


def nothing_left(folder: Folder) -> ProfileError:
    """Return the error for a folder in which nothing can be used."""
    return ProfileError(f"{visible(folder.path)}: no usable snapshot: {folder.left_out_text}")


def _moments(folder: Folder, choice: Callable[[Series], Callable[[Entry], bool] | None]) -> tuple[Named, list[str]]:
    """Return the last chosen snapshot of each series, each with a description."""
    found: Named = []
    used = []
    for series in folder.series:
        state = series.latest(choice(series))
        if state is not None:
            entry = state.entry
            found.append((entry.path, profile_at(series, state)))
            used.append(f"snapshot {entry.number} of {series.stem}, from {told_time(entry.time_ns)}")
    return found, used


def _beside(path: str, folder: Folder) -> Profile | None:
    """Return the profile in a file next to the series. None: it is left out because it is unreadable or a copy of a
    snapshot.
    """
    try:
        profile = read_profile(path)
        stamp = stamp_of(profile)
    except ProfileError as error:
        folder.left_out.append(LeftOut(os.path.basename(path), str(error).removeprefix(f"{visible(path)}: ")))
        return None
    if stamp is None:
        return profile
    known = next((series.stem for series in folder.series if series.mark == stamp.mark), None)
    if known is None and stamp.reference == WHOLE:
        return profile_alone(profile)
    reason = f"it is snapshot {stamp.number} of {known}" if known else "the snapshot that it builds on is missing"
    folder.left_out.append(LeftOut(os.path.basename(path), reason))
    return None
