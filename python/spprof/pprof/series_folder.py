"""The contents of a folder: the series of snapshots in it, and other profiles.

names ─► headers of the files that may belong to a series ─► by mark ─► one file per number ─► Series
                                        └─► no series: a separate profile
"""

from __future__ import annotations

import os

from spprof.pprof import trigger_names
from spprof.pprof.file import read_profile
from spprof.pprof.profile import ProfileError
from spprof.pprof.series import Entry, LeftOut, Series
from spprof.pprof.series_names import WHOLE_SUFFIX, listing
from spprof.pprof.series_stamp import WHOLE, stamp_of
from spprof.records import NamedTuple
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spprof.pprof.series_names import SeriesName

    _Found = tuple[SeriesName, Entry]


_TOLD_MAX = 3


class Folder(NamedTuple):
    """The contents of a folder."""

    path: str
    series: list[Series]
    profiles: list[str]
    """Paths of profiles that belong to no series; their contents have not been read."""
    left_out: list[LeftOut]
    """Unusable files, in addition to those that each series has left out."""
    others: list[str]
    """Names of files that are not profiles."""

    @property
    def left_out_text(self) -> str:
        """Text that names every unused file, some with the reason; "" if all are used."""
        told = [f"{visible(one.name)} ({visible(one.reason)})" for one in self.all_left_out]
        if self.others:
            count = len(self.others)
            told.append(visible(self.others[0]) if count == 1 else f"{count} files that are not profiles")
        return list_of(told)

    @property
    def all_left_out(self) -> list[LeftOut]:
        """Every file that is not used."""
        return self.left_out + [one for series in self.series for one in series.left_out]


def list_of(told: Sequence[str]) -> str:
    """Format a list: its first items, and how many more there are."""
    return ", ".join(told[:_TOLD_MAX]) + (f" and {len(told) - _TOLD_MAX} more" if len(told) > _TOLD_MAX else "")


def read_folder(path: str, progress: Callable[[float], None] | None = None) -> Folder:
    """Return the series and profiles in the folder ``path``. Reads the headers of files that may belong to a series.

    OSError: the folder cannot be listed.
    """
    listed = listing(path)
    found = Folder(path, [], listed.profiles, [], listed.others)
    by_mark: dict[str, list[_Found]] = {}
    for place, name in enumerate(listed.named):
        if progress:
            progress(place / len(listed.named))
        try:
            header = read_profile(name.path, header_only=True)
            stamp = stamp_of(header)
        except ProfileError as error:
            if os.path.lexists(name.path):  # otherwise the writer, which is still recording, has removed it
                reason = str(error).removeprefix(f"{visible(name.path)}: ")
                found.left_out.append(LeftOut(os.path.basename(name.path), reason))
            continue
        if stamp is not None:
            entry = Entry(name.path, stamp.number, stamp.reference, stamp.monotonic_ms, header.time_ns)
            by_mark.setdefault(stamp.mark, []).append((name, entry))
        elif name.path.endswith(WHOLE_SUFFIX):
            found.profiles.append(name.path)
        else:
            found.left_out.append(LeftOut(os.path.basename(name.path), "it is not part of a series"))
    found.profiles.sort()
    for mark, files in by_mark.items():
        found.series.append(_series(mark, files, found.left_out))
    found.series.sort(key=lambda series: series.stem)
    _leave_superseded_out(found)
    return found


def _leave_superseded_out(folder: Folder) -> None:
    """Leave out trigger files of processes that have other files, whose data would otherwise count twice."""
    stems = [os.path.join(folder.path, one.stem) for one in folder.series]
    for path, other in trigger_names.superseded(folder.profiles, stems, _time_of).items():
        folder.profiles.remove(path)
        reason = f"written by a trigger for the same process as {visible(os.path.basename(other))}"
        folder.left_out.append(LeftOut(os.path.basename(path), reason))


def _time_of(path: str) -> int:
    """Return when the file was written; 0: it cannot be read, which is reported later."""
    try:
        return read_profile(path, header_only=True).time_ns
    except ProfileError:
        return 0


def _series(mark: str, files: Sequence[_Found], left_out: list[LeftOut]) -> Series:
    """Return the series of the files with one mark. If several files have the same number, prefer the one whose name
    has that number, then the whole one.
    """
    stems = [name.stem for name, _ in files]
    stem = max(stems, key=lambda one: (stems.count(one), one))
    used: dict[int, Entry] = {}
    for name, entry in sorted(files, key=lambda one: _is_worse(one, stem)):
        if used.setdefault(entry.number, entry) is not entry:
            other = visible(os.path.basename(used[entry.number].path))
            left_out.append(LeftOut(os.path.basename(name.path), f"it has the same number ({entry.number}) as {other}"))
    return Series(stem, mark, used.values())


def _is_worse(one: _Found, stem: str) -> tuple[bool, bool, bool, str]:
    name, entry = one
    return name.stem != stem, name.number != entry.number, entry.reference != WHOLE, name.path
