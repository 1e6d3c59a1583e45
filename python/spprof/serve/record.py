"""memprof.record(): a series of snapshots of this process, taken while the program runs."""

from __future__ import annotations

import errno
import math
import os
from operator import index

from spprof import _engine, environment, supported
from spprof.on_demand import module
from spprof.process.title import title as program_title
from spprof.serve import background
from spprof.serve.series import Series
from spprof.text import visible
from spprof.warn_once import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Final

    from spprof.pprof import processes, series_names
else:
    processes, series_names = module("spprof.pprof.processes"), module("spprof.pprof.series_names")

KEEP_MAX: Final = 100_000
EVERY_MIN, EVERY_MAX = 0.01, 1e6
_NAME_BYTES = 200
"""Maximum length of the program's name within a file name. A file name may have at most 255 bytes."""


class SnapshotSeries:
    """A series that is being written, started by ``spprof.memprof.record()``. It ends with ``stop()``, with the
    process, and with its ``with`` block. A forked child does not continue it.

        with memprof.record("profiles/"):
            ...
    """

    def __init__(self, folder: str | os.PathLike[str], every: float, keep: int) -> None:
        self._folder = os.path.abspath(os.fspath(folder))
        self._every = every
        self._process = os.getpid()
        os.makedirs(self._folder, exist_ok=True)
        title = program_title()
        self._notes = {"script": title, **processes.program_note(self._process, os.getppid(), title)}
        self._series = Series(free_stem(self._folder, title), keep, lambda snapshot: snapshot)
        if environment.is_off():
            self._series.write({**self._notes, **environment.notes()})
            self._job = None
            return
        self._series.write(self._notes)
        self._job = background.add(self._tick, every)
        if self._job is None:
            raise RuntimeError("cannot start a thread to write snapshots; raise the thread limit (ulimit -u)")

    @property
    def folder(self) -> str:
        """The absolute path of the folder with the files."""
        return self._folder

    @property
    def written(self) -> int:
        """The number of snapshots written so far; fewer are kept."""
        return self._series.written

    @property
    def unwritten(self) -> int:
        """The number of snapshots that could not be written, for example on a full disk. The series continues after
        them.
        """
        return self._series.unwritten

    def stop(self) -> None:
        """Write a last snapshot and end the series. Has no effect once stopped, or in a forked child.

        OSError: the last snapshot cannot be written; the series has ended nevertheless.
        """
        job, self._job = self._job, None
        if job is None or os.getpid() != self._process:
            return
        if not background.finish(job):
            raise TimeoutError(
                errno.ETIMEDOUT, "the disk is not responding; the last snapshot was not written", self._folder
            )
        self._series.write(self._notes)

    def __enter__(self) -> SnapshotSeries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<SnapshotSeries: {self.written} snapshots written, {visible(self._series.stem)}.*>"

    def _tick(self) -> float | None:
        try:
            self._series.write(self._notes)
        except OSError as error:
            warn_once("reported that a series has gaps", f"cannot write a snapshot of the series: {error.strerror}")
        return self._every


def begin(folder: str | os.PathLike[str], every: float, keep: int) -> SnapshotSeries:
    """Implements ``memprof.record``."""
    if isinstance(every, bool) or not isinstance(every, (int, float)):
        raise TypeError(f"every must be a number of seconds, not {type(every).__name__}")
    if not math.isfinite(every) or not EVERY_MIN <= every <= EVERY_MAX:
        raise ValueError(f"every must be between {EVERY_MIN} and {EVERY_MAX:.0f} seconds, not {every!r}")
    if isinstance(keep, bool):
        raise TypeError("keep must be an integer, not bool")
    keep = index(keep)
    if not 2 <= keep <= KEEP_MAX:
        raise ValueError(f"keep must be between 2 and {KEEP_MAX} snapshots, not {keep}")
    if _engine.stats()["epochs"] == 0 and not environment.is_off():
        supported.check_start()
        raise RuntimeError("there is nothing to record; call spprof.memprof.start() first")
    return SnapshotSeries(folder, float(every), keep)


def free_stem(folder: str, title: str) -> str:
    """Return a stem for which no files exist yet: an earlier process with the same pid, or an earlier series, may have
    left some.
    """
    stem = os.path.join(folder, f"spprof-{os.fsdecode(os.fsencode(title)[:_NAME_BYTES])}.{os.getpid()}")
    number = 1
    while series_names.is_taken(stem if number == 1 else f"{stem}-{number}"):
        number += 1
    return stem if number == 1 else f"{stem}-{number}"
