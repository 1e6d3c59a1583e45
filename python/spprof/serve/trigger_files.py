"""The files of triggers: whole snapshots, each of which appears complete or not at all.

    STEM.rss.pb.gz      for a size: the latest replaces the previous one
    STEM.USR2.pb.gz     for a signal: the next is STEM.USR2-2.pb.gz, and so on
    STEM.rss-2.pb.gz    if another process, or another trigger, has left STEM.rss.pb.gz

They are not synced to disk, so that the program does not have to wait. They survive even if the kernel kills the
process.
"""

from __future__ import annotations

import os

from spprof.formats.atomic_file import write_file
from spprof.heap import snapshot
from spprof.heap.to_pprof import profile_of
from spprof.on_demand import load
from spprof.pprof import trigger_names
from spprof.pprof.file import written
from spprof.process import numbers
from spprof.records import suppress
from spprof.reserve import with_reserve
from spprof.serve.background import give_way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from spprof.heap.snapshot import HeapSnapshot

    Shown = Callable[[HeapSnapshot], HeapSnapshot]

COUNTED_MAX: Final = 1000
"""Maximum number of files for one signal, so that repeated signals do not fill the disk."""


def _as_it_is(taken: HeapSnapshot) -> HeapSnapshot:
    return taken


def _always() -> bool:
    return True


def prepare() -> None:
    """Load the modules that writing needs, before memory may run short."""
    for name in ("symbolize.stacks", "symbolize.frames", "heap.resident_memory", "pprof.encode", "pprof.locations"):
        load(f"spprof.{name}")


class TriggerFiles:
    """Writes the files of one trigger. Runs on the background thread."""

    def __init__(
        self,
        stem: Callable[[], str],
        notes: Callable[[], dict[str, str]],
        shown: Shown = _as_it_is,
        is_ready: Callable[[], bool] = _always,
    ) -> None:
        """``stem``: returns the path up to the kind. ``notes``: returns comments about the program. ``shown``:
        transforms a snapshot before it is written. ``is_ready``: returns True if there is anything to write.
        """
        self.is_ready = is_ready
        self.written = self.unwritten = 0
        self.last_path = ""
        self._stem, self._notes, self._shown = stem, notes, shown
        self._paths: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def replace(self, kind: str, told: str) -> None:
        """Write a snapshot in place of the previous one. OSError: it cannot be written; the previous one remains."""
        path = self._paths.get(kind) or self._free(kind)
        self._write(path, told)
        self._paths[kind] = path

    def add(self, kind: str, told: str) -> bool:
        """Write one more file. False: COUNTED_MAX files already exist. OSError: it cannot be written."""
        if self._counts.get(kind, 0) >= COUNTED_MAX:
            return False
        self._write(self._free(kind), told)
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return True

    def _free(self, kind: str) -> str:
        stem = self._stem()
        number = self._counts.get(kind, 0) + 1
        while os.path.lexists(path := trigger_names.path_of(stem, kind, number)):
            number += 1
        return path

    def _write(self, path: str, told: str) -> None:
        taken = self._shown(snapshot.take())
        give_way()
        notes = {**self._notes(), **numbers.memory_notes(), trigger_names.NOTE: told}
        memory = None
        with suppress(MemoryError):  # the rest of the snapshot is still worth writing
            memory = taken.resident  # the current value: a snapshot may share an earlier measurement
        profile = with_reserve(profile_of, taken, notes, None, memory)
        give_way()
        try:
            with_reserve(lambda: write_file(path, written(profile), sync=False))
        except OSError:
            self.unwritten += 1
            raise
        self.written += 1
        self.last_path = path
