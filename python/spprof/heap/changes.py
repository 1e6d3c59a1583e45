"""What changes from snapshot to snapshot of a process, for those who write a series of them.

    snapshot 4 ─► fingerprints ─┐
    snapshot 5 ─► fingerprints ─┴─► which stacks changed with it ─► the snapshot of what changed since 0, 1, … 4

A fingerprint is a hash of all that a snapshot tells of a stack. The engine works them out, and hands out only stacks
that differ: most of a large heap stays as it is from one moment to the next, and costs nothing here.
"""

from __future__ import annotations

from itertools import chain
from struct import pack

from spprof.heap.snapshot import FINGERPRINT, take_changed
from spprof.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof._engine import Site as StackSums
    from spprof.heap.snapshot import HeapSnapshot

WHOLE = -1
"""What a snapshot builds on that builds on none."""

_GONE_KEPT = 50_000
"""How many stacks may have gone since the first snapshot on which later ones may still build."""


class Changed(NamedTuple):
    """What has changed since an earlier snapshot."""

    snapshot: HeapSnapshot
    """Of the stacks that have changed, with totals of all."""
    since: int
    """The number of the earlier one; WHOLE: there is none, and everything is here."""
    gone: tuple[int, ...]
    """Ids of stacks that have gone since."""


class Changes:
    """Follows the stacks of the process over numbered snapshots. For one thread at a time."""

    def __init__(self) -> None:
        self._prints: dict[int, int] = {}
        self._changed_at: dict[int, int] = {}
        self._gone_at: dict[int, int] = {}
        self._own: dict[int, StackSums] = {}
        self._told_from = 0

    def take(self, number: int, since: int) -> Changed:
        """Take a snapshot of what has changed since the one that had the number ``since``, or of everything.

        ``number``: its own, higher than any before. Everything also where too much has gone by to tell changes.
        """
        if since < self._told_from:
            since = WHOLE
        snapshot, prints = take_changed(self._known(since), self._own)
        self._note(number, prints)
        gone = () if since == WHOLE else tuple(one for one, when in self._gone_at.items() if when > since)
        return Changed(snapshot, since, gone)

    def _known(self, since: int) -> bytes:
        """The fingerprints of the stacks that have not changed since."""
        if since == WHOLE:
            return b""
        prints = self._prints
        known = [(stack_id, prints[stack_id]) for stack_id, when in self._changed_at.items() if when <= since]
        return pack(f"={2 * len(known)}Q", *chain.from_iterable(known))

    def _note(self, number: int, packed: bytes) -> None:
        """Which stacks have changed, and gone, since the last snapshot."""
        now = dict(FINGERPRINT.iter_unpack(packed))
        before = self._prints
        changed = {stack_id: number for stack_id, value in now.items() if before.get(stack_id) != value}
        for stack_id in before.keys() - now.keys():
            self._gone_at[stack_id] = number
            self._changed_at.pop(stack_id, None)
        self._changed_at.update(changed)
        self._prints = now
        if len(self._gone_at) > _GONE_KEPT:
            self._gone_at.clear()
            self._told_from = number
