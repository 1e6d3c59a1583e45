"""The profile of a block in a program that is being profiled as a whole: a section of the running profile.

    begin ─► the counters ─► the block ─► the counters ─► BlockProfile ─► the samples, when first requested

Creating one costs only two readings of the counters, because a decorated function may be called often and its profiles
may never be read.
"""

from __future__ import annotations

import os
import sys

from spprof import _engine
from spprof.cpu_time.profile import Profile, Shown
from spprof.cpu_time.samples import SAMPLE, Part
from spprof.results import Frame
from spprof.symbolize.stacks import KeptStacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NOT_KEPT = (Frame("<samples beyond the log>", "", 0, 0, False),)
"""Stands for samples taken while the log was full: only their sums by stack are kept, without their times."""

_WHEN_ASKED = ("_packed", "_threads", "_frames_of", "_learn")


def begin() -> dict[str, Any]:
    """Return the counters at the beginning of a block."""
    return dict(_engine.cpu_stats())


def profile_since(before: dict[str, Any], names: dict[int, str]) -> BlockProfile:
    """Return the profile of the block that began with the counters ``before`` and ends now. ``names``: Python's names
    for its threads, keyed by id.
    """
    now = _engine.cpu_stats()
    system = os.uname()
    block = object.__new__(BlockProfile)
    vars(block).update(
        start_time=before["end_ns"] / 1e9,
        end_time=now["end_ns"] / 1e9,
        interval_ms=now["interval_ns"] / 1e6,
        mode=now["mode"],
        native=now["native"],
        ticks=now["ticks"],
        dropped={reason: count - before["dropped"][reason] for reason, count in now["dropped"].items()},
        process_ns=now["process_ns"] - before["process_ns"],
        overhead_ns=now["handler_ns"] - before["handler_ns"],
        short_threads=0,
        python_version=sys.version.split()[0],
        platform=f"{system.sysname}-{system.release}-{system.machine}",
        _overflow=(),
        _clock_offset_ns=now["clock_offset_ns"],
        _start_ns=before["end_ns"],
        _end_ns=now["end_ns"],
        _counted=(now["samples"] - before["samples"], now["sampled_ns"] - before["sampled_ns"]),
        _python_names=names,
        _epoch=now["epochs"],
    )
    return block


class BlockProfile(Profile):
    """The profile of a block, taken from a profile that is still running."""

    _counted: tuple[int, int]
    _python_names: dict[int, str]
    _epoch: int

    def __getattribute__(self, name: str) -> Any:
        if name in _WHEN_ASKED and name not in object.__getattribute__(self, "__dict__"):
            self._read()
        return object.__getattribute__(self, name)

    def _read(self) -> None:
        packed, _, threads, stats, of_session = _engine.cpu_profile()
        if stats["epochs"] != self._epoch:  # another profile has begun, and this one's samples are gone
            packed, threads = b"", []
        offset = self._clock_offset_ns
        first, last = self._start_ns - offset, self._end_ns - offset
        samples = [sample for sample in SAMPLE.iter_unpack(packed) if first <= sample[0] <= last]
        counts: dict[int, int] = {}
        for _, _, thread_id, _ in samples:
            counts[thread_id] = counts.get(thread_id, 0) + 1
        stacks = KeptStacks({number: rest for number, *rest in of_session})
        vars(self).update(
            _packed=b"".join(SAMPLE.pack(*sample) for sample in samples),
            _threads=[
                (number, self._python_names.get(number) or name, counts[number], 0, False)
                for number, name, *_ in threads
                if number in counts
            ],
            _frames_of=Shown(stacks),
            _learn=stacks.learn,
        )

    @property
    def _uncovered(self) -> list[Part]:
        """The number of samples that are missing from the log. As always, the time since a thread's last sample belongs
        to its next one.
        """
        count = self._counted[0] - len(self._packed) // SAMPLE.size
        weight = self._counted[1] - self.sampled_ns
        return [Part(NOT_KEPT, 0, count, weight)] if count > 0 and weight > 0 else []
