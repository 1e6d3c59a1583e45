"""A series of snapshots in a folder, written for as long as the process lives, with a bounded number of files.

    number   0  1  2  3  4  5  6  7  8      is whole, or holds the changes since another number:
             │◄─┘◄─┼──┘◄─┼──┘◄─┼──┘  │      the number without its lowest bit
             │◄────┘     │◄────┘     │
             │◄──────────┘           │
             │◄──────────────────────┘
    full:    0     2     4     6     8      every second one is deleted; none that remains builds on those

    STEM.000000.pb.gz        a whole snapshot, which other tools also read
    STEM.000001.changes.gz   the changes

Each file appears complete or not at all, so the others stay readable however the process ends. Files are not synced to
disk, so that the program does not have to wait. The latest snapshot is always kept: once the spacing has grown, it
replaces the one before it until a multiple of the spacing is reached.
"""

from __future__ import annotations

import os

from spprof import _engine
from spprof.formats.atomic_file import write_file
from spprof.heap.changes import Changes
from spprof.heap.snapshot import RECORDED
from spprof.heap.to_pprof import profile_of
from spprof.pprof import series_names, series_stamp
from spprof.pprof.file import written
from spprof.pprof.series_stamp import WHOLE, Stamp
from spprof.process import numbers
from spprof.records import suppress
from spprof.serve.background import give_way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final

    from spprof.heap.snapshot import HeapSnapshot

_WHOLE_EACH: Final = 32
"""One in this many kept snapshots is whole, so that a damaged file does not make the entire series unreadable."""
_NS_OF_MS = 10**6


class Series:
    """Writes the snapshots of this process, one after another. Use it from one thread at a time."""

    def __init__(self, stem: str, keep: int, shown: Callable[[HeapSnapshot], HeapSnapshot]) -> None:
        """``stem``: the part of the files' paths before their numbers. ``keep``: the maximum number of files, 2 or
        more. ``shown``: transforms a snapshot before it is written.
        """
        self.stem = stem
        self.unwritten = 0
        """Number of snapshots that could not be written."""
        self.written = 0
        """Number of snapshots written."""
        self.last_path = ""
        self._keep = keep
        self._shown = shown
        self._mark = os.urandom(8).hex()
        self._changes = Changes()
        self._spacing = 1
        self._next = 0
        self._files: dict[int, str] = {}
        self._moments: dict[int, int] = {}
        """When the snapshots in ``_files`` were taken, in ms of the monotonic clock."""
        _engine.kept()[RECORDED] = (os.getpid(), stem)

    def write(self, notes: dict[str, str], *, is_whole: bool = False) -> HeapSnapshot:
        """Take a snapshot and write it: the changes or, if ``is_whole``, all of it. ``notes`` become comments.

        Return what was written. OSError: it cannot be written, so it is skipped.
        """
        number = self._next
        changed = self._changes.take(number, WHOLE if is_whole else self._reference(number))
        give_way()
        snapshot = self._shown(changed.snapshot)
        now = snapshot.monotonic_ns // _NS_OF_MS
        told = {
            **series_stamp.comments(Stamp(self._mark, number, changed.since, now), changed.gone, self.unwritten),
            **numbers.memory_notes(),
            **notes,
        }
        moments = sorted({*self._moments.values(), now})
        memory = snapshot._resident_or_not() if is_whole else None  # takes longer than everything else together
        profile = profile_of(snapshot, told, memory=memory, moments=moments)
        give_way()
        path = series_names.path_of(self.stem, number, is_whole=changed.since == WHOLE)
        self._next += 1
        try:
            write_file(path, written(profile), sync=is_whole)
        except OSError:
            self.unwritten += 1
            raise
        self.written += 1
        self.last_path = path
        self._drop_passing()
        self._files[number], self._moments[number] = path, now
        self._thin_out()
        return snapshot

    def _reference(self, number: int) -> int:
        """Return the number of the snapshot on which this one builds."""
        if number % (self._spacing * _WHOLE_EACH) == 0:
            return WHOLE
        for lower in _lower(number, self._spacing):
            if lower in self._files:
                return lower
        return WHOLE

    def _drop_passing(self) -> None:
        """Delete the latest file before the next one is added, unless the latest file must be kept."""
        latest = max(self._files, default=0)
        if latest % self._spacing:
            self._drop(latest)

    def _thin_out(self) -> None:
        latest = max(self._files)
        while len(self._files) > self._keep:
            self._spacing *= 2
            for number in [number for number in self._files if number % self._spacing and number != latest]:
                self._drop(number)

    def _drop(self, number: int) -> None:
        with suppress(OSError):
            os.unlink(self._files[number])
        del self._files[number], self._moments[number]


def _lower(number: int, spacing: int) -> Iterator[int]:
    """Yield the numbers on which ``number`` may build, the nearest first."""
    if number % spacing:
        number -= number % spacing
        yield number
    place = number // spacing
    while place:
        place &= place - 1
        yield place * spacing
