"""A series of snapshots in a folder: written for as long as the process lives, and never more of them than wanted.

    number   0  1  2  3  4  5  6  7  8      is whole, or has what changed since another number:
             │◄─┘◄─┼──┘◄─┼──┘◄─┼──┘  │      its lowest bit less
             │◄────┘     │◄────┘     │
             │◄──────────┘           │
             │◄──────────────────────┘
    full:    0     2     4     6     8      every second one goes, and none that is left builds on it

    STEM.000000.pb.gz        a whole snapshot, as other tools read it, too
    STEM.000001.changes.gz   what has changed

Each file is there as a whole or not at all, so whatever ends the process leaves the others readable. They are not
forced to the disk: the program is not to wait for it. The latest snapshot is always kept; where the spacing has grown,
it takes the place of the one before until a multiple of the spacing is reached.
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
"""Of so many that are kept one is whole, so that a damaged file does not make the whole series unreadable."""
_NS_OF_MS = 10**6


class Series:
    """Writes the snapshots of this process, one after the other. For one thread at a time."""

    def __init__(self, stem: str, keep: int, shown: Callable[[HeapSnapshot], HeapSnapshot]) -> None:
        """``stem``: the path of its files up to their numbers. ``keep``: how many may be there, 2 or more. ``shown``:
        makes of a snapshot what is written."""
        self.stem = stem
        self.unwritten = 0
        """Snapshots that could not be written."""
        self.written = 0
        """Those that could."""
        self.last_path = ""
        self._keep = keep
        self._shown = shown
        self._mark = os.urandom(8).hex()
        self._changes = Changes()
        self._spacing = 1
        self._next = 0
        self._files: dict[int, str] = {}
        self._moments: dict[int, int] = {}
        _engine.kept()[RECORDED] = (os.getpid(), stem)
        """When the snapshots were taken whose files are there, in ms of the monotonic clock."""

    def write(self, notes: dict[str, str], *, is_whole: bool = False) -> HeapSnapshot:
        """Take a snapshot and write it: what has changed, or all of it if ``is_whole``. ``notes`` become comments.

        Returns what was written. OSError: it cannot be written, and is left out.
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
        memory = snapshot._resident_or_not() if is_whole else None  # it takes longer than all the rest
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
        """The number of the snapshot on which that one builds."""
        if number % (self._spacing * _WHOLE_EACH) == 0:
            return WHOLE
        for lower in _lower(number, self._spacing):
            if lower in self._files:
                return lower
        return WHOLE

    def _drop_passing(self) -> None:
        """The latest so far makes room for the next, unless it stays."""
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
    """The numbers on which that one may build, the nearest first."""
    if number % spacing:
        number -= number % spacing
        yield number
    place = number // spacing
    while place:
        place &= place - 1
        yield place * spacing
