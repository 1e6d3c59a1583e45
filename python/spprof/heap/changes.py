"""The changes between successive snapshots of a process, for code that writes a series of snapshots.

    snapshot 4 ─► fingerprints ─┐
    snapshot 5 ─► fingerprints ─┴─► which stacks changed with it ─► the snapshot of the changes since 0, 1, … 4

A fingerprint is a hash of everything that a snapshot holds about a stack, and the number of the snapshot in which the
hash last changed. The engine computes fingerprints and returns only stacks that have changed: most of a large heap is
the same in the next snapshot, and that part costs nothing here.
"""

from __future__ import annotations

from spprof.heap.snapshot import take_changed
from spprof.pprof.series_stamp import WHOLE
from spprof.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof._engine import Site as StackSums
    from spprof.heap.snapshot import HeapSnapshot

_GONE_KEPT = 50_000
"""If more stacks than this have disappeared since a snapshot, later snapshots can no longer build on it."""


class Changed(NamedTuple):
    """The changes since an earlier snapshot."""

    snapshot: HeapSnapshot
    """The stacks that have changed, with the totals of all."""
    since: int
    """The number of the earlier snapshot; WHOLE: there is none, so this contains everything."""
    gone: tuple[int, ...]
    """Ids of the stacks that have gone since the earlier snapshot."""


class Changes:
    """Follows the stacks of the process over numbered snapshots. Use it from one thread at a time."""

    def __init__(self) -> None:
        self._fingerprints = b""
        self._gone_at: dict[int, int] = {}
        self._own: dict[int, StackSums] = {}
        self._told_from = 0

    def take(self, number: int, since: int) -> Changed:
        """Take a snapshot of the changes since the snapshot numbered ``since``, or of everything.

        ``number``: the new snapshot's number, which is at least that of the previous one. The snapshot also holds
        everything if so many stacks have gone that the changes are no longer known.
        """
        if since < self._told_from:
            since = WHOLE
        snapshot, self._fingerprints, gone = take_changed(self._fingerprints, since, number, self._own)
        self._gone_at.update(dict.fromkeys(gone, number))
        told = () if since == WHOLE else tuple(one for one, when in self._gone_at.items() if when > since)
        if len(self._gone_at) > _GONE_KEPT:
            self._gone_at.clear()
            self._told_from = number
        return Changed(snapshot, since, told)
