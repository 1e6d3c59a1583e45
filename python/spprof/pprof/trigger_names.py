"""Finds the files of triggers in a folder by their names.

spprof-app.4711.rss.pb.gz         stem spprof-app.4711, next to spprof-app.4711.pb.gz or a series of that stem
spprof-app.4711.USR2-3.pb.gz      the same
"""

from __future__ import annotations

from spprof.process import signals
from spprof.text import whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

RSS, CGROUP, MEMORY_ERROR = "rss", "cgroup", "memory-error"
"""Kinds in the names of files that are written when the process or its control group reaches a size, or when an
allocation fails. For a signal, the kind is the signal's name.
"""

SUFFIX = ".pb.gz"

NOTE = "trigger"
"""Key of the comment that names the trigger of the file."""


def path_of(stem: str, kind: str, number: int) -> str:
    """Return the path of a file of that kind; ``number`` is 1 or more."""
    return f"{stem}.{kind}{SUFFIX}" if number == 1 else f"{stem}.{kind}-{number}{SUFFIX}"


def stem_of(path: str) -> str:
    """Return the path up to the kind; "" if it is not the path of a trigger's file."""
    stem, _, kind = path.removesuffix(SUFFIX).rpartition(".")
    name, dash, number = kind.rpartition("-")
    if dash and whole_number(number):
        kind = name
    is_one = path.endswith(SUFFIX) and kind in (RSS, CGROUP, MEMORY_ERROR, *signals.NAMES)
    return stem if is_one else ""


def superseded(paths: Iterable[str], stems: Iterable[str], time_of: Callable[[str], int]) -> dict[str, str]:
    """Return the files at ``paths`` that show an earlier state of a process for which there is another file, or a
    series with one of ``stems``. Each comes with the path or stem that counts instead. ``time_of``: returns when a file
    was written.
    """
    known = list(paths)
    others = {path.removesuffix(SUFFIX): path for path in known if not stem_of(path)}
    others.update({stem: stem for stem in stems})
    found: dict[str, str] = {}
    alone: dict[str, list[str]] = {}
    for path in known:
        stem = stem_of(path)
        if stem in others:
            found[path] = others[stem]
        elif stem:
            alone.setdefault(stem, []).append(path)
    for files in alone.values():
        if len(files) > 1:
            latest = max(files, key=lambda path: (time_of(path), path))
            found.update({path: latest for path in files if path != latest})
    return found
