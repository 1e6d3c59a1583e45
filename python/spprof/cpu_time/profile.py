"""Profile: what the threads of the process did with their time, from a start to a stop.

    engine ─► packed samples ─► samples      in the order of time, built when first asked for
          │                 └─► weights by stack and thread ─┐
          ├─► overflow: sums by stack ───────────────────────┼─► recorded: the profile in a pprof file ─► tables, files
          └─► threads, counters ─► what no sample covers ────┘

The sum of all weights is the CPU time of the process: what no sample covers is listed as such. Threads that ended have
used time after their last sample, or never had one; threads that block all signals cannot be sampled.
"""

from __future__ import annotations

import operator
import os
import struct
import sys
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from spprof import _engine
from spprof.formats.profile_stacks import Stacked
from spprof.formats.source import by_thread
from spprof.results import CpuSample, CpuStack, CpuThread, Frame
from spprof.symbolize.stacks import learn, stack_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from spprof.formats.source import Chart
    from spprof.heap.snapshot import Column, StackTotals
    from spprof.pprof.profile import Profile as PprofProfile
    from spprof.results import TopFunction

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

_ORDERED_MAX = 1 << 17
"""Samples beyond which charts show stacks summed up, not one after the other: viewers load no file that large."""

Overflow = tuple[int, int, int]
"""Stack id, samples, weight in nanoseconds."""

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
class Profile:
    """What ``spprof.stop()`` returns. It does not change, and may be read from any thread."""

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

    def aggregate(self) -> tuple[CpuStack, ...]:
        """The samples by stack, of all threads, those with the most weight first, then by name."""
        stacks = [CpuStack(totals.frames, *totals.weights) for totals in self.stack_totals()]
        return tuple(sorted(stacks, key=lambda stack: -stack.weight_ns))

    def top_functions(self, n: int = 10) -> list[TopFunction]:
        """The ``n`` functions that used the most time themselves, largest first.

        Each row is a dict: ``function``, ``file``, ``line`` (the line of it that used most), ``own_ns`` (by itself and
        by native code beneath it), ``total_ns`` (with all that it called), and both as ``own_percent`` and
        ``total_percent`` of ``total_ns``. Where a stack has no Python frame, it is the innermost native function.

        TypeError if ``n`` is not an integer, ValueError if it is negative.
        """
        from spprof.cpu_time.functions import top_functions

        count = operator.index(n)
        if count < 0:
            raise ValueError(f"n must be 0 or more, not {count}")
        return top_functions(self.recorded())[:count]

    # ---- output

    def save(self, path: str | bytes | os.PathLike[str] | os.PathLike[bytes], format: str | None = None) -> None:
        """Writes the profile to ``path``, readable by its owner only (mode 0600).

        ``format``: ``"pprof"``, ``"speedscope"``, ``"collapsed"`` or ``"html"``; None takes it from the suffix:
        ``.pb.gz`` is pprof, ``.json`` is speedscope, ``.collapsed`` and ``.txt`` are collapsed, ``.html`` is html, a
        page for any browser. The file is written aside and renamed, so that a failure leaves what was there before;
        a FIFO or a device is written directly.

        ValueError: unknown format, or None and an unknown suffix. OSError: the file cannot be written.
        """
        from spprof import formats

        formats.save(self, path, format)

    def __str__(self) -> str:
        """A table of the ten lines that used the most, and the total."""
        from spprof.cpu_time.text import render

        return render(self)

    def __repr__(self) -> str:
        return (
            f"<Profile: {self.total_ns} ns of {self.mode} time, {self.sample_count} samples, "
            f"one each {self.interval_ms:g} ms>"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows of it: the page of ``save("….html")`` in a frame."""
        from spprof.report.notebook import iframe

        return iframe(self.recorded())

    # ---- for the package's own use

    @property
    def title(self) -> str:
        return self._stacked.title

    @property
    def columns(self) -> tuple[Column, ...]:
        """Time and samples."""
        return self._stacked.columns

    def stack_totals(self) -> list[StackTotals]:
        """Every stack, those that read the same merged, root-most names first in order."""
        return self._stacked.stack_totals()

    def charts(self) -> list[Chart]:
        """One for each thread: its stacks one after the other; of very many samples every stack once."""
        if len(self._packed) > _ORDERED_MAX * SAMPLE.size:
            return self._stacked.charts()
        stacks_of: dict[tuple[str, int], list[tuple[tuple[Frame, ...], int]]] = {}
        for sample in self.samples:
            stacks = stacks_of.setdefault((sample.thread_name, sample.thread_id), [])
            if stacks and stacks[-1][0] is sample.frames:
                stacks[-1] = (sample.frames, stacks[-1][1] + sample.weight_ns)
            else:
                stacks.append((sample.frames, sample.weight_ns))
        return by_thread("nanoseconds", stacks_of)

    def recorded(self, notes: dict[str, str] | None = None) -> PprofProfile:
        """The profile that stands in a pprof file. ``notes`` become comments."""
        profile = self._recorded
        return replace(
            profile, comments=profile.comments + tuple(f"{key}: {text}" for key, text in (notes or {}).items())
        )

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
    def _recorded(self) -> PprofProfile:
        from spprof.cpu_time.to_pprof import profile_of

        return profile_of(self)

    @cached_property
    def _stacked(self) -> Stacked:
        return Stacked(self._recorded)

    @cached_property
    def _sums(self) -> dict[tuple[int, ...], tuple[int, int]]:
        """Samples and weight by stack id and thread."""
        words = memoryview(self._packed).cast("Q")
        both, weights = words[2::3].tolist(), words[1::3].tolist()  # thread and stack together are one word
        sums: dict[int, int] = dict.fromkeys(both, 0)
        for key, weight in zip(both, weights):
            sums[key] += weight
        counts = Counter(both)
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


def cut(names: dict[int, str], threads_before: set[int], threads_now: set[int]) -> Profile:
    """The profile that is running, or the last one.

    ``names``: what Python calls its threads. ``threads_before``, ``threads_now``: the ids of those that were there at
    the start, and that are there now. Others came and went, and those without a sample were too short.
    """
    packed, overflow, threads, stats = _engine.cpu_profile()
    accounted = threads_now | {thread_id for thread_id, _, samples, _, _ in threads if samples}
    system = os.uname()
    return Profile(
        start_time=stats["start_ns"] / 1e9,
        end_time=stats["end_ns"] / 1e9,
        interval_ms=stats["interval_ns"] / 1e6,
        mode=stats["mode"],
        native=stats["native"],
        ticks=stats["ticks"],
        dropped=dict(stats["dropped"]),
        process_ns=stats["process_ns"],
        overhead_ns=stats["handler_ns"],
        short_threads=max(stats["python_threads"] - len(accounted - threads_before), 0),
        python_version=sys.version.split()[0],
        platform=f"{system.sysname}-{system.release}-{system.machine}",
        _threads=[(record[0], names.get(record[0]) or record[1], *record[2:]) for record in threads],
        _packed=packed,
        _overflow=overflow,
        _clock_offset_ns=stats["clock_offset_ns"],
        _start_ns=stats["start_ns"],
        _end_ns=stats["end_ns"],
    )
