"""CpuSamples: where the threads of the process were, from a start to a stop, and what that adds up to.

    engine ─► packed samples ─► samples      in the order of time, built when first asked for
          │                 └─► weights by stack and thread ─┐
          ├─► overflow: sums by stack ───────────────────────┼─► parts ─► to_pprof ─► tables, files
          └─► threads, counters ─► what no sample covers ────┘

The sum of all weights is the CPU time of the process: what no sample covers is listed as such. Threads that ended have
used time after their last sample, or never had one; threads that block all signals cannot be sampled. ``Profile`` is
the samples with what users do with them.
"""

from __future__ import annotations

import os
import struct

from spprof import _engine
from spprof.records import NamedTuple, cached_property, dataclass
from spprof.results import CpuSample, CpuThread, Frame
from spprof.symbolize.stacks import learn, stack_frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

SAMPLE = struct.Struct(_engine.CPU_SAMPLE_FORMAT)

SHORT = (Frame("<threads too short to sample>", "", 0, 0, False),)
"""Stands for what threads used after their last sample, or without ever having one."""

BLOCKED = (Frame("<signals blocked>", "", 0, 0, False),)
"""Stands for what a thread used that blocks all signals, and could not be sampled."""

_WORD, _THREAD_AND_STACK = struct.Struct("=Q"), struct.Struct("=II")

_TICK_NS = 10_000_000
"""Of the slowest kernel."""

_NOISE_NS = 1_000_000
"""Clocks of threads and of the process are read one after the other: a difference up to this says nothing."""

Overflow = tuple[int, int, int]
"""Stack number, samples, weight in nanoseconds."""

ThreadRecord = tuple[int, str, int, int, bool]
"""Thread id, name, samples, CPU time that none of them covers, whether it blocks all signals."""


class Part(NamedTuple):
    """Part of the whole: what one thread spent with one stack."""

    frames: tuple[Frame, ...]
    thread_id: int
    """0: no single thread."""
    samples: int
    weight_ns: int


@dataclass(frozen=True, eq=False, repr=False)
class CpuSamples:
    """What the profiler recorded."""

    start_time: float
    """Wall clock, seconds since the epoch, as ``time.time()``."""
    end_time: float
    """The same of the stop; of a running profile the moment at which it was looked at."""
    interval_ms: float
    """Milliseconds between a thread's samples, as asked for; the kernel's tick may make them rarer and heavier."""
    mode: str
    """``"cpu"``: weights are CPU time. ``"wall"``: time of the clock, waiting included."""
    native: bool
    """Whether native frames were recorded."""
    ticks: str
    """``"timer"``, or ``"thread"`` where the system refused timers (``CpuStats.ticks``)."""
    dropped: dict[str, int]
    """Samples that were not taken, by reason; every reason is listed. Their time went to the thread's next sample."""
    process_ns: int
    """CPU time that the whole process used, in nanoseconds."""
    overhead_ns: int
    """CPU time that taking the samples used; part of ``process_ns``."""
    short_threads: int
    """Threads of Python that began and ended without a sample."""
    python_version: str
    """As ``"3.11.7"``."""
    platform: str
    """As ``"Linux-6.1.0-x86_64"``."""
    _threads: Sequence[ThreadRecord]
    _packed: bytes
    _overflow: Sequence[Overflow]
    _clock_offset_ns: int
    _start_ns: int
    _end_ns: int
    _frames_of: Callable[[int], tuple[Frame, ...]] = stack_frames
    _learn: Callable[[Iterable[int]], None] = learn

    # ---- numbers

    @cached_property
    def sample_count(self) -> int:
        """Samples taken."""
        return len(self._packed) // SAMPLE.size + sum(samples for _, samples, _ in self._overflow)

    @property
    def total_ns(self) -> int:
        """The sum of all weights, in nanoseconds. In mode ``"cpu"`` that is the CPU time of the process, less what
        threads that still run have used since their last sample: up to an interval each."""
        return self.sampled_ns + sum(part.weight_ns for part in self._uncovered)

    @cached_property
    def sampled_ns(self) -> int:
        """What the samples stand for, without what no sample covers."""
        return sum(weight for _, weight in self._sums.values()) + sum(weight for _, _, weight in self._overflow)

    @property
    def dropped_count(self) -> int:
        """All of ``dropped``."""
        return sum(self.dropped.values())

    # ---- samples and sums

    @cached_property
    def threads(self) -> tuple[CpuThread, ...]:
        """The threads that were met, the main thread first, then by id."""
        weights: dict[int, int] = {}
        for (_, thread_id), (_, weight) in self._sums.items():
            weights[thread_id] = weights.get(thread_id, 0) + weight
        found = [
            CpuThread(*record[:3], weights.get(record[0], 0), record[3], record[4] and record[3] > self._due_ns)
            for record in self._threads
        ]
        return tuple(sorted(found, key=lambda thread: (thread.thread_id != os.getpid(), thread.thread_id)))

    @cached_property
    def samples(self) -> tuple[CpuSample, ...]:
        """In the order of time. Built when first asked for, one object a sample.

        At the end stands, one for each stack, what has no single moment: samples beyond the most that are kept one by
        one (thread_id 0), and what no sample covers. Weights add up to ``total_ns``.
        """
        self._learn_all()
        names, offset = self._names, self._clock_offset_ns
        frames_of = {stack_id: self._frames_of(stack_id) for stack_id, _ in self._sums}
        built = [
            CpuSample(time_ns + offset, thread_id, names.get(thread_id, ""), weight, frames_of[stack_id])
            for time_ns, weight, thread_id, stack_id in sorted(SAMPLE.iter_unpack(self._packed))
        ]
        for frames, thread_id, _, weight in self._without_moment:
            built.append(CpuSample(self._end_ns, thread_id, names.get(thread_id, ""), weight, frames))
        return tuple(built)

    # ---- for the package's own use

    def parts(self) -> list[Part]:
        """All of the profile, by stack and thread. The frames of a stack are one object."""
        self._learn_all()
        frames_of = {stack_id: self._frames_of(stack_id) for stack_id, _ in self._sums}
        parts = [
            Part(frames_of[stack_id], thread_id, samples, weight)
            for (stack_id, thread_id), (samples, weight) in self._sums.items()
        ]
        return parts + self._without_moment

    def thread_name(self, thread_id: int) -> str:
        """What a thread is called; "" where it is not known."""
        return self._names.get(thread_id, "")

    @cached_property
    def _sums(self) -> dict[tuple[int, ...], tuple[int, int]]:
        """Samples and weight by stack id and thread."""
        words = memoryview(self._packed).cast("Q")
        both, weights = words[2::3].tolist(), words[1::3].tolist()  # thread and stack together are one word
        sums: dict[int, int] = dict.fromkeys(both, 0)
        for key, weight in zip(both, weights):
            sums[key] += weight
        counts = dict.fromkeys(sums, 0)
        for key in both:
            counts[key] += 1
        return {_THREAD_AND_STACK.unpack(_WORD.pack(key))[::-1]: (counts[key], sums[key]) for key in sums}

    def _learn_all(self) -> None:
        stack_ids = {stack_id for stack_id, _ in self._sums}
        stack_ids.update(stack_id for stack_id, _, _ in self._overflow)
        self._learn(stack_ids)

    @property
    def _without_moment(self) -> list[Part]:
        overflow = [Part(self._frames_of(stack_id), 0, samples, weight) for stack_id, samples, weight in self._overflow]
        return overflow + self._uncovered

    @cached_property
    def _uncovered(self) -> list[Part]:
        """What threads used that no sample covers, of CPU time."""
        if self.mode != "cpu":
            return []
        blocked = [thread for thread in self.threads if thread.is_blocked and thread.unsampled_ns]
        parts = [Part(BLOCKED, thread.thread_id, 0, thread.unsampled_ns) for thread in blocked]
        rest = self.process_ns - self.sampled_ns - sum(thread.unsampled_ns for thread in self.threads)
        return [*parts, Part(SHORT, 0, 0, rest)] if rest > _NOISE_NS else parts

    @property
    def _due_ns(self) -> int:
        """What a thread uses between two samples at most. One that ends blocks signals too, and may not have more."""
        return round(2 * (self.interval_ms * 1e6 + _TICK_NS))

    @cached_property
    def _names(self) -> dict[int, str]:
        return {record[0]: record[1] for record in self._threads}
