"""Finds the files of series in a folder by their names.

spprof-app.4711.000000.pb.gz          stem spprof-app.4711, number 0
spprof-app.4711.000001.changes.gz     number 1: the changes
spprof-app.4712.pb.gz                 a separate file
"""

from __future__ import annotations

import os

from spprof.records import NamedTuple

WHOLE_SUFFIX, CHANGES_SUFFIX = ".pb.gz", ".changes.gz"
"""Suffixes of the names of whole snapshots, and of files that hold changes."""

DIGITS_LEAST = 6

_DIGITS_MOST = 18


class SeriesName(NamedTuple):
    """The name of a file that may belong to a series, in parts."""

    path: str
    stem: str
    number: int


class Listing(NamedTuple):
    """The contents of a folder."""

    named: list[SeriesName]
    """Keyed by stem and number."""
    profiles: list[str]
    """Paths of the other files whose names are those of profiles."""
    others: list[str]
    """Names of other files. Hidden files and folders are not listed: writers keep unfinished files there."""


def listing(folder: str) -> Listing:
    """Return the contents of ``folder``, judging by names alone. OSError: it cannot be listed."""
    found = Listing([], [], [])
    with os.scandir(folder) as entries:
        for entry in entries:
            name, path = entry.name, os.path.join(folder, entry.name)
            stem, number = _parted(name)
            if stem:
                found.named.append(SeriesName(path, stem, number))
            elif name.endswith(CHANGES_SUFFIX):
                found.named.append(SeriesName(path, name[: -len(CHANGES_SUFFIX)], 0))
            elif name.endswith(WHOLE_SUFFIX):
                found.profiles.append(path)
            elif not name.startswith(".") and not entry.is_dir():
                found.others.append(name)
    return Listing(sorted(found.named, key=_order), sorted(found.profiles), sorted(found.others))


def _parted(name: str) -> tuple[str, int]:
    """Return the stem and the number of a series file. The stem is empty if the name is not that of a series file."""
    suffix = next((one for one in (WHOLE_SUFFIX, CHANGES_SUFFIX) if name.endswith(one)), None)
    if suffix is None:
        return "", 0
    stem, _, digits = name[: -len(suffix)].rpartition(".")
    is_number = digits.isascii() and digits.isdecimal() and DIGITS_LEAST <= len(digits) <= _DIGITS_MOST
    return (stem, int(digits)) if is_number else ("", 0)


def _order(one: SeriesName) -> tuple[str, int, str]:
    return one.stem, one.number, one.path


def path_of(stem: str, number: int, *, is_whole: bool) -> str:
    """Return the path of a file of the series whose path up to the number is ``stem``."""
    return f"{stem}.{number:0{DIGITS_LEAST}}{WHOLE_SUFFIX if is_whole else CHANGES_SUFFIX}"


def is_taken(stem: str) -> bool:
    """Return whether a series with that stem has files. OSError: the folder cannot be read."""
    folder, name = os.path.split(stem)
    return any(_parted(one)[0] == name for one in os.listdir(folder or "."))
