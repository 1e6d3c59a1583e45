"""CpuSamples: where the threads of the process were between a start and a stop, and the sums of their samples.

    engine ─► packed samples ─► samples      in order of time, built when first requested
          │                 └─► weights by stack and thread ─┐
          ├─► overflow: sums by stack ───────────────────────┼─► parts ─► to_pprof ─► tables, files
          └─► threads, counters ─► time without a sample ────┘

The sum of all weights is the CPU time of the process: time that no sample covers has its own entry. Threads that ended
used time after their last sample, or were never sampled; threads that block all signals cannot be sampled. ``Profile``
adds the operations that users need.
"""

from __future__ import annotations

import struct

from spprof import _engine
from spprof.records import NamedTuple, cached_property, dataclass
from spprof.results import CpuSample, CpuThread, Frame
from spprof.symbolize.stacks import learn, stack_frames
from spprof.symbolize.thread_names import main_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

SAMPLE = struct.Struct(_engine.CPU_SAMPLE_FORMAT)

SHORT = (Frame("<threads too short to sample>", "", 0, 0, False),)
"""Stands for the time that threads used after their last sample, or without being sampled at all."""

BLOCKED = (Frame("<signals blocked>", "", 0, 0, False),)
"""Stands for the time used by a thread that blocks all signals, so that it could not be sampled."""

_WORD, _THREAD_AND_STACK = struct.Struct("=Q"), struct.Struct("=II")

_TICK_NS = 10_000_000
"""The longest kernel tick."""

_NOISE_NS = 1_000_000
"""The clocks of the threads and of the process are read one after the other, so differences up to this value are
ignored.
"""

Overflow = tuple[int, int, int]
"""Stack number, samples, weight in nanoseconds."""

ThreadRecord = tuple[int, str, int, int, bool]
"""Thread id, name, samples, CPU time that no sample covers, whether the thread blocks all signals."""


class Part(NamedTuple):
    """One part of the whole: the time that one thread spent in one stack."""

    frames: tuple[Frame, ...]
    thread_id: int
    """0: no single thread."""
    samples: int
    weight_ns: int


@dataclass(frozen=True, eq=False, repr=False)
class CpuSamples:
    """The samples of a profile, and its totals."""

    start_time: float
    """Wall clock, seconds since the epoch, like ``time.time()``."""
    end_time: float
    """Time of the stop, in the same form as ``start_time``; for a running profile, the time at which it was read."""
    interval_ms: float
    """Milliseconds between a thread's samples, as requested; the kernel's tick may make samples less frequent, with
    greater weights.
    """
    mode: str
    """``"cpu"``: weights are CPU time. ``"wall"``: weights are wall-clock time, including waiting."""
    native: bool
    """True if native frames were recorded."""
    ticks: str
    """``"timer"``, or ``"thread"`` if the system did not permit timers (``CpuStats.ticks``)."""
    dropped: dict[str, int]
    """Samples that were not taken, by reason; every reason is listed. The thread's next sample includes their time."""
    process_ns: int
    """CPU time that the whole process used, in nanoseconds."""
    overhead_ns: int
    """CPU time that taking samples has used, in nanoseconds; part of ``process_ns``."""
    short_threads: int
    """Python threads that began and ended without a sample."""
    python_version: str
    """For example ``"3.11.7"``."""
    platform: str
    """For example ``"Linux-6.1.0-x86_64"``."""
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
        """Number of samples taken."""
        return len(self._packed) // SAMPLE.size + sum(samples for _, samples, _ in self._overflow)

    @property
    def total_ns(self) -> int:
        """The sum of all weights, in nanoseconds. In mode ``"cpu"`` that is the CPU time of the process, less what
        running threads have used since their last sample: up to one interval per thread.
        """
        return self.sampled_ns + sum(part.weight_ns for part in self._uncovered)

    @cached_property
    def sampled_ns(self) -> int:
        """The time that the samples stand for, in nanoseconds; excludes time that no sample covers."""
        return sum(weight for _, weight in self._sums.values()) + sum(weight for _, _, weight in self._overflow)

    @property
    def dropped_count(self) -> int:
        """The sum of ``dropped``."""
        return sum(self.dropped.values())

    # ---- samples and sums

    @cached_property
    def threads(self) -> tuple[CpuThread, ...]:
        """The threads that the profiler has seen: first the main thread, then the others by id."""
        weights: dict[int, int] = {}
        for (_, thread_id), (_, weight) in self._sums.items():
            weights[thread_id] = weights.get(thread_id, 0) + weight
        found = [
            CpuThread(*record[:3], weights.get(record[0], 0), record[3], record[4] and record[3] > self._due_ns)
            for record in self._threads
        ]
        main = main_id()
        return tuple(sorted(found, key=lambda thread: (thread.thread_id != main, thread.thread_id)))

    @cached_property
    def samples(self) -> tuple[CpuSample, ...]:
        """The samples in order of time, one object per sample. Built on first access.

        Entries without a time follow at the end, one per stack: samples beyond the number that is kept individually
        (thread_id 0), and time that no sample covers. The weights add up to ``total_ns``.
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
        """Return the whole profile by stack and thread. Parts of the same stack share one tuple of frames."""
        self._learn_all()
        frames_of = {stack_id: self._frames_of(stack_id) for stack_id, _ in self._sums}
        parts = [
            Part(frames_of[stack_id], thread_id, samples, weight)
            for (stack_id, thread_id), (samples, weight) in self._sums.items()
        ]
        return parts + self._without_moment

    def thread_name(self, thread_id: int) -> str:
        """Return the name of a thread; "" if unknown."""
        return self._names.get(thread_id, "")

    @cached_property
    def _sums(self) -> dict[tuple[int, ...], tuple[int, int]]:
        """Samples and weight, keyed by stack id and thread id."""
        words = memoryview(self._packed).cast("Q")
        both, weights = words[2::3].tolist(), words[1::3].tolist()  # thread and stack are packed into one word
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
        """CPU time that threads used but no sample covers."""
        if self.mode != "cpu":
            return []
        blocked = [thread for thread in self.threads if thread.is_blocked and thread.unsampled_ns]
        parts = [Part(BLOCKED, thread.thread_id, 0, thread.unsampled_ns) for thread in blocked]
        rest = self.process_ns - self.sampled_ns - sum(thread.unsampled_ns for thread in self.threads)
        return [*parts, Part(SHORT, 0, 0, rest)] if rest > _NOISE_NS else parts

    @property
    def _due_ns(self) -> int:
        """The maximum time that a thread uses between two samples. A thread that is ending also blocks signals, but may
        not exceed this time.
        """
        return round(2 * (self.interval_ms * 1e6 + _TICK_NS))

    @cached_property
    def _names(self) -> dict[int, str]:
        return {record[0]: record[1] for record in self._threads}
