"""The recordings of ``spprof run``: the heap, CPU time, or both, each in its own file.

start ─► stop ─► take: the recorded profile, without our own frames ─► save, lines: the summary
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod

from spprof import _engine, joining, memprof
from spprof.cli.arguments import current_folder, format_of_output
from spprof.on_demand import module
from spprof.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from spprof import cpu, formats
    from spprof.cli import own_frames, summary
    from spprof.cli.settings import Settings
    from spprof.cpu_time.profile import Profile
    from spprof.heap import snapshot
    from spprof.heap.snapshot import HeapSnapshot
    from spprof.pprof import series_names
    from spprof.serve import background, series
else:
    cpu, snapshot = module("spprof.cpu"), module("spprof.heap.snapshot")
    formats, series = module("spprof.formats"), module("spprof.serve.series")
    series_names, background = module("spprof.pprof.series_names"), module("spprof.serve.background")
    own_frames, summary = module("spprof.cli.own_frames"), module("spprof.cli.summary")


class State(NamedTuple):
    """A recording's counters at one point in time."""

    samples: int = 0
    live_bytes: float = 0.0
    peak_bytes: float = 0.0


class Recording(ABC):
    """One of the two profilers, with its file."""

    unit: str

    def __init__(self, output: str) -> None:
        self.output = output
        """Path of the first process's file."""
        self._started_in = current_folder() or os.sep

    @abstractmethod
    def start(self) -> None:
        """Start sampling."""

    @abstractmethod
    def stop(self) -> None:
        """Stop sampling, unless it has already stopped. A profile that the program has started in the meantime is the
        program's own.

        Any exception is about output that the program requested. Sampling has stopped nevertheless.
        """

    @abstractmethod
    def take(self) -> HeapSnapshot | Profile:
        """Return what has been recorded so far."""

    @abstractmethod
    def state(self) -> State:
        """Return the current counters."""

    @abstractmethod
    def worth(self, before: State) -> float:
        """Return how many samples the activity since ``before`` is worth. A large block is one sample, but is worth
        many.
        """

    @property
    @abstractmethod
    def written_value(self) -> int:
        """The total of the file that was written last, in ``unit``, without the part inherited by fork."""

    @abstractmethod
    def lines(self, path: str) -> Iterable[str]:
        """Return the summary of what was last written to ``path``."""

    def write(self, path: str, notes: dict[str, str], *, is_passing: bool) -> str:
        """Write the file, in the format of the output's suffix, and return its path. OSError: it cannot be written.

        ``is_passing``: the program is still running, and ``lines`` will not be called for this write.
        """
        self._last = taken = self.take()
        background.give_way()
        taken.save_with_notes(path, format_of_output(self.output), notes)
        return path

    def told(self, path: str) -> str:
        """Return the text by which the list of processes refers to the file or files at ``path``."""
        return path

    def is_taken(self, path: str) -> bool:
        """Return whether another process has already written to that path."""
        return os.path.lexists(path)


class HeapRecording(Recording):
    """The heap profiler."""

    unit = "bytes"
    _last: HeapSnapshot

    def __init__(self, output: str, rate_kb: int, budget_percent: float | None) -> None:
        super().__init__(output)
        self._rate_kb = rate_kb
        self._budget_percent = budget_percent

    def start(self) -> None:
        memprof.start(self._rate_kb, sampling_budget_percent=self._budget_percent)
        joining.begins(joining.HEAP)

    def stop(self) -> None:
        if joining.ends(joining.HEAP) and memprof.is_active():
            memprof.stop()

    def take(self) -> HeapSnapshot:
        return own_frames.heap_without_own_frames(snapshot.take())

    def state(self) -> State:
        stats = _engine.stats()
        live, peak = stats["live_bytes"] / _engine.BYTES_ONE, stats["peak_bytes"] / _engine.BYTES_ONE
        return State(stats["total_samples"], live, peak)

    def worth(self, before: State) -> float:
        now = self.state()
        highest = now.peak_bytes if now.peak_bytes > before.peak_bytes else now.live_bytes
        return max(now.samples - before.samples, (highest - before.live_bytes) / max(self._rate_kb * 1024, 1))

    @property
    def written_value(self) -> int:
        return self._last.estimated_heap_bytes - self._last.inherited_bytes

    def lines(self, path: str) -> Iterable[str]:
        return summary.heap_lines(self._last, path, self._started_in, self._rate_kb)


class SeriesRecording(HeapRecording):
    """The heap profiler, with a series of files."""

    def __init__(self, output: str, rate_kb: int, budget_percent: float | None, keep: int) -> None:
        super().__init__(output, rate_kb, budget_percent)
        self._keep = keep
        self._series: series.Series | None = None
        self._inherited = 0
        self._is_whole = False

    def write(self, path: str, notes: dict[str, str], *, is_passing: bool) -> str:
        stem = _stem_of(path)
        is_first = self._series is None or self._series.stem != stem  # it is different in a forked child
        if is_first:
            self._series = series.Series(stem, self._keep, own_frames.heap_without_own_frames)
        assert self._series is not None, "it has just been made"
        self._last = self._series.write(notes, is_whole=not is_passing)
        self._is_whole = is_first or not is_passing
        if self._is_whole:
            self._inherited = self._last.inherited_bytes
        return self._series.last_path

    def told(self, path: str) -> str:
        return f"{_stem_of(path)}.*"

    def is_taken(self, path: str) -> bool:
        return series_names.is_taken(_stem_of(path))

    @property
    def written_value(self) -> int:
        if self._is_whole:
            return super().written_value
        return max(round(self.state().live_bytes) - self._inherited, 0)

    def lines(self, path: str) -> Iterable[str]:
        yield from super().lines(path)
        if self._series is not None and self._series.written > 1:
            yield from summary.series_lines(self._series, self._started_in)


def _stem_of(path: str) -> str:
    suffix = formats.suffix_of(path)
    return path[: -len(suffix)] if suffix else path


class CpuRecording(Recording):
    """The CPU profiler."""

    unit = "nanoseconds"
    _last: Profile

    def __init__(self, output: str, interval_ms: float, mode: str, is_native: bool) -> None:
        super().__init__(output)
        self._interval_ms = interval_ms
        self._mode = mode
        self._is_native = is_native
        self._stopped: Profile | None = None
        self._start = cpu.start  # this loads the module before the heap is sampled

    def start(self) -> None:
        self._start(self._interval_ms, mode=self._mode, native=self._is_native)
        joining.begins(joining.CPU)

    def stop(self) -> None:
        if not joining.ends(joining.CPU) or not cpu.is_active():
            return
        try:
            self._stopped = cpu.stop()  # the work that follows, mostly writing files, is our own
        except Exception:  # saving failed at the path that the program's own start() requested
            self._stopped = cpu.running()
            raise

    def take(self) -> Profile:
        return own_frames.cpu_without_own_frames(self._stopped or cpu.running())

    def state(self) -> State:
        return State(_engine.cpu_stats()["samples"])

    def worth(self, before: State) -> float:
        return self.state().samples - before.samples

    @property
    def written_value(self) -> int:
        return self._last.total_ns

    def lines(self, path: str) -> Iterable[str]:
        return summary.cpu_lines(self._last, path, self._started_in)


def of(settings: Settings) -> list[Recording]:
    """Return the requested recordings. The CPU profiler comes last and is stopped first."""
    recordings: list[Recording] = []
    if settings.output:
        of_heap = settings.output, settings.rate_kb, settings.budget_percent
        recordings.append(SeriesRecording(*of_heap, settings.keep) if settings.keep else HeapRecording(*of_heap))
    if settings.cpu_output:
        how = settings.interval_ms, settings.mode, settings.is_native
        recordings.append(CpuRecording(settings.cpu_output, *how))
    return recordings
