"""The heap profiler: shows which lines of the program hold how much memory.

::

    import spprof.memprof as memprof

    memprof.start()
    ...
    print(memprof.get_snapshot())
    memprof.stop()

An allocation is sampled with a probability that grows with its size, on average once per ``sampling_rate_kb`` KiB;
allocations that are not sampled cost a few instructions. Estimates are unbiased and come with confidence intervals
(``spprof.analysis.estimate``). One profiler serves the whole process: these functions may be called from any thread.

Importing this module loads everything that it will ever need into memory (``spprof.on_demand``), and runs what a start
needs. Nothing is read later, when the program may have changed its root directory, run out of file descriptors or been
upgraded on disk.
"""

from __future__ import annotations

import atexit
import os
import time
import warnings
from _operator import index

from spprof import _engine, environment, joining, supported
from spprof.on_demand import keep_all, load, module, run_all
from spprof.reserve import with_reserve
from spprof.teardown import is_torn_down
from spprof.warn_once import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from spprof import results, text
    from spprof.analysis import sites
    from spprof.heap import growth as heap_growth
    from spprof.heap import resident_memory, samples, snapshot
    from spprof.heap.estimates import HeapEstimates
    from spprof.heap.samples import Allocated
    from spprof.heap.snapshot import HeapSnapshot
    from spprof.results import (
        AllocationSample,
        Frame,
        FramePointerHealth,
        Mapping,
        MemoryPool,
        MemProfStats,
        ResidentMemory,
        ResidentPart,
        SiteDifference,
        SiteGrowth,
        UnclaimedMemory,
    )
    from spprof.rows import TopAllocator, TopMapping
    from spprof.serve import record as serve_record
    from spprof.serve.record import SnapshotSeries
else:
    results, sites, text = map(module, ("spprof.results", "spprof.analysis.sites", "spprof.text"))
    samples, snapshot = map(module, ("spprof.heap.samples", "spprof.heap.snapshot"))
    heap_growth = module("spprof.heap.growth")
    resident_memory = module("spprof.heap.resident_memory")
    serve_record = module("spprof.serve.record")

__all__ = [
    "AllocationSample",
    "Frame",
    "FramePointerHealth",
    "HeapEstimates",
    "HeapSnapshot",
    "Mapping",
    "MemProfStats",
    "MemoryPool",
    "MemoryProfiler",
    "ResidentMemory",
    "ResidentPart",
    "SiteDifference",
    "SiteGrowth",
    "SnapshotSeries",
    "TopAllocator",
    "TopMapping",
    "UnclaimedMemory",
    "get_snapshot",
    "get_stats",
    "growth",
    "is_active",
    "record",
    "reset_peak",
    "shutdown",
    "start",
    "stop",
    "trim",
]

_TYPES = {
    "HeapEstimates": "spprof.heap.estimates",
    "HeapSnapshot": "spprof.heap.snapshot",
    "SnapshotSeries": "spprof.serve.record",
    "TopAllocator": "spprof.rows",
    "TopMapping": "spprof.rows",
    **dict.fromkeys(
        (
            "AllocationSample",
            "Frame",
            "FramePointerHealth",
            "Mapping",
            "MemoryPool",
            "MemProfStats",
            "ResidentMemory",
            "ResidentPart",
            "SiteDifference",
            "SiteGrowth",
            "UnclaimedMemory",
        ),
        "spprof.results",
    ),
}
"""The modules of the types that are exported here."""

if not TYPE_CHECKING:

    def __getattr__(name):
        """Return a type. The type's module runs when the type is first needed."""
        if name not in _TYPES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(load(_TYPES[name]), name)
        return found

    def __dir__():
        return sorted({*globals(), *__all__})


_NATIVE_MODES = ("auto", "preload", "patch", "off")
_RATE_MAX_KB = _engine.RATE_MAX_BYTES // 1024
_SEED_MAX = 2**64 - 1
_PPM_OF_PERCENT = 10_000

_FINE_BYTES = 64 * 1024
"""Below this sampling interval, run the modules that a snapshot will need before sampling begins. Otherwise many
samples would come from these modules' own allocations, about 3 MiB, and would have to be left out.
"""

_AFTER_ALL = 2**64 - 1
"""A serial number that no sample exceeds."""


def start(
    sampling_rate_kb: int = 512,
    *,
    native: str = "auto",
    seed: int | None = None,
    sampling_budget_percent: float | None = None,
) -> None:
    """Start sampling. Starting again after ``stop()`` adds to what is already recorded.

    ``sampling_rate_kb``: mean KiB between samples, 512 by default, at most 1048576 (1 GiB). A lower value is more
    accurate and costs more. 0 samples every allocation, which is exact and slow: for tests and tiny scripts. A new
    value applies from each thread's next allocation; estimates over mixed values stay unbiased.

    ``native``: how to follow allocations below Python's allocators. ``"auto"`` uses ``libspprof_alloc.so`` if it was
    preloaded (LD_PRELOAD), else patches the loaded objects, which needs no restart. ``"preload"`` requires the library
    and raises without it. ``"patch"`` patches. ``"off"`` follows Python's allocators only. On macOS, ``"auto"`` and
    ``"patch"`` use libmalloc's logger, and ``"preload"`` raises.

    ``seed``: 0 to 2**64 - 1 makes each thread's random sequence the same in every run; None picks a random seed.

    ``sampling_budget_percent``: percent of one core that taking samples may cost, above 0 and at most 100. While
    samples cost more, the interval between samples grows; it returns to ``sampling_rate_kb`` when they cost less. Each
    sample keeps the interval it was drawn under, so estimates stay unbiased. The budget bounds samples, not the few
    instructions of every allocation. None: there is no bound, and the cost is not measured.

    ValueError: sampling rate below 0 or above 1 GiB, unknown ``native``, seed or budget out of range, or a budget at
    rate 0. TypeError: rate or seed is not an integer, or budget is not a number (a bool is neither). RuntimeError:
    already active, shut down, the native mode is unavailable, or this is a subinterpreter with its own GIL; the message
    names the remedy. Under ``spprof run``, or if SPPROF has started the profiler, the call joins that profile, and one
    warning says so. If ``"auto"`` finds no malloc call that it can patch, only Python's allocators are sampled, and a
    RuntimeWarning says so.
    """
    checked = _checked(sampling_rate_kb, native, seed, sampling_budget_percent)
    if not joining.joins(joining.HEAP, "memprof.start()"):
        _start(*checked)


def stop() -> None:
    """Stop sampling. Frees are still followed, so nothing looks leaked afterwards; all data stays readable.

    Under ``spprof run``, or if SPPROF has started the profiler, the profiler keeps running.

    RuntimeError: not active, or this is a subinterpreter with its own GIL.
    """
    if joining.is_joined(joining.HEAP):
        return
    if _engine.is_active() or not environment.is_off():
        _engine.stop()


def get_snapshot() -> HeapSnapshot:
    """Return the sampled blocks that are live now: while active, after ``stop()`` and after ``shutdown()``.

    RuntimeError: the profiler was never started.
    """
    return with_reserve(_snapshot)


def _snapshot() -> HeapSnapshot:
    if _engine.stats()["epochs"] == 0 and not environment.is_off():
        raise RuntimeError("there is nothing to take a snapshot of; call spprof.memprof.start() first")
    return snapshot.take()


def reset_peak() -> None:
    """Restart the window of ``HeapSnapshot.window_peak`` with what is live now.

    ``HeapSnapshot.peak`` and ``peak_heap_bytes`` are not affected. Entering a ``MemoryProfiler`` block restarts the
    window, too. Has no effect before the first start.
    """
    _engine.reset_peak()


def growth(snapshots: Iterable[HeapSnapshot] | str | os.PathLike[str]) -> list[SiteGrowth]:
    """Return how each site grew over a series of snapshots of one process: its growth in bytes per second with a 95 %
    interval, and whether that looks like a leak. Growing sites come first, the fastest at the top.

    ``snapshots``: results of ``get_snapshot()`` taken at different times, in any order; a verdict takes ten or more. If
    several were taken at the same time, only some of them are used. Alternatively, the path of a folder that holds
    recorded series, of this process or of others; the sites of all series share one list. A RuntimeWarning names the
    files that were left out. Derivation: docs/sampling.md, "Growth".

    TypeError: an item is not a snapshot. OSError: the folder cannot be read. ValueError: no series in it has two
    snapshots.
    """
    if isinstance(snapshots, (str, os.PathLike)):
        return _growth_in(os.fspath(snapshots))
    return with_reserve(heap_growth.growth_of, snapshots)


def _growth_in(folder: str) -> list[SiteGrowth]:
    from spprof.analysis.series_growth import growth_in  # modules that read files are not kept in memory

    sites, left_out = growth_in(folder)
    if left_out:
        warn_once(f"left out of {folder}: {left_out}", f"{folder}: growth() left out {left_out}")
    return sites


def record(folder: str | os.PathLike[str], *, every: float = 10.0, keep: int = 60) -> SnapshotSeries:
    """Start writing a series of snapshots into ``folder``, which is created if missing, and return the series.

    ``every``: seconds between snapshots, 0.01 to a million. ``keep``: the maximum number of files, 2 to 100000. When
    that number is reached, every second file is removed and later snapshots are kept half as often, so that the files
    always reach back to the beginning. The latest snapshot is always kept. After the first, each file holds only what
    has changed. ``spprof growth``, ``table``, ``flamegraph`` and the other commands accept the folder. Each finished
    file stays readable, however the process ends.

    The first snapshot is written before this returns. A thread created in C writes the others. It uses at most a
    twentieth of a core and is stopped around forks. A forked child does not continue the series: call this in the
    child.

    TypeError, ValueError: an argument has another type or is out of range. RuntimeError: the profiler was never
    started, no thread can be created, or this is a subinterpreter. OSError: the folder or the first file cannot be
    created.
    """
    return with_reserve(serve_record.begin, folder, every, keep)


def trim() -> int:
    """Make malloc return its whole free pages to the system. Return the number of bytes by which the process's resident
    memory has shrunk, 0 or more. The result includes the effects of other threads.

    With glibc this calls ``malloc_trim(0)``: threads that allocate wait while it walks the memory of their arena, some
    0.4 s for each GiB released, and pages that are needed again later cost a page fault each. For jemalloc, tcmalloc
    and mimalloc, their own functions for this purpose are called instead; other mallocs are left alone. Returns 0
    without ``/proc``. The profiler need not have been started.
    """
    return with_reserve(resident_memory.trim)


def get_stats() -> MemProfStats:
    """Return the profiler's counters. Never stops the program. All are zero before the first start."""
    stats = _engine.stats()
    rounded, percent = sites.rounded, text.percent
    return results.MemProfStats(
        total_samples=stats["total_samples"],
        live_samples=stats["live_samples"],
        freed_samples=stats["freed_samples"],
        unique_stacks=stats["unique_stacks"],
        estimated_heap_bytes=rounded(stats["live_bytes"], _engine.BYTES_ONE),
        peak_heap_bytes=rounded(stats["peak_bytes"], _engine.BYTES_ONE),
        heap_map_load_percent=percent(stats["live_samples"], stats["live_samples_max"]),
        sampling_rate_bytes=stats["sampling_rate_bytes"],
        native_mode=_native_mode(stats["native_mode"]),
        dropped_samples=dict(stats["dropped_samples"]),
        collisions=stats["missed_frees"],
        evicted_stacks=stats["evicted_stacks"],
        folded_bytes=rounded(stats["folded_bytes"], _engine.BYTES_ONE),
        unkept_samples=stats["unkept_samples"],
        marked_codes=stats["marked_codes"],
        thinned_samples=stats["thinned_samples"],
        thinned_rate_bytes=stats["thinned_rate"],
        lost_bytes=rounded(stats["lost_bytes"], _engine.BYTES_ONE),
        unlisted_mappings=_engine.mapping_stats()["dropped"],
        sampling_budget_percent=stats["budget_ppm"] / _PPM_OF_PERCENT or None,
        sampling_cost_ns=stats["spent_ns"],
        uncovered_objects=tuple(stats["uncovered_objects"]),
    )


def is_active() -> bool:
    """Return whether sampling is on: true between ``start()`` and ``stop()`` or ``shutdown()``."""
    return _engine.is_active()


def shutdown() -> None:
    """End the profiler permanently: hooks pass every call through, and frees are no longer followed.

    Recorded data stays readable; the operating system reclaims its memory. The interpreter calls this when it exits.
    Calling it again has no effect; starting again is a RuntimeError, and so is a call in a subinterpreter with its own
    GIL. Like ``stop()``, it does not stop a profiler that the program did not start.
    """
    if not joining.is_joined(joining.HEAP):
        _engine.shutdown()


class MemoryProfiler:
    """Profile one block of code.

    ::

        with MemoryProfiler() as profiler:
            ...
        print(profiler.snapshot)

    ``snapshot`` shows only the memory blocks that were allocated inside the ``with`` block and are live at its end. A
    profiler may be reused for one ``with`` block after another. Its arguments, and the ValueError and TypeError for
    them, are those of ``start()``. A ``with`` block that is suspended in a generator or coroutine when the interpreter
    exits has no snapshot.

    RuntimeError on entering: the profiler is already active (started, or inside another MemoryProfiler: they do not
    nest), it was shut down, the native mode is unavailable, or this is a subinterpreter with its own GIL. Under
    ``spprof run``, or if SPPROF has started the profiler, a block covers part of that profile and uses its settings.
    """

    _is_torn_down = staticmethod(is_torn_down)

    def __init__(
        self,
        sampling_rate_kb: int = 512,
        *,
        native: str = "auto",
        seed: int | None = None,
        sampling_budget_percent: float | None = None,
    ) -> None:
        self._how = _checked(sampling_rate_kb, native, seed, sampling_budget_percent)
        self._snapshot: HeapSnapshot | None = None
        self._serial_before = 0
        self._total_before = 0
        self._before: dict[int, Allocated] = {}
        self._since_ns = 0

    @property
    def snapshot(self) -> HeapSnapshot:
        """The snapshot of the memory that the block allocated and still held at its end, even if it raised.

        RuntimeError: no block has finished yet.
        """
        if self._snapshot is None:
            raise RuntimeError(
                "the snapshot is taken when the with block ends; read it after the block, "
                "or call spprof.memprof.get_snapshot() inside it"
            )
        return self._snapshot

    def __enter__(self) -> MemoryProfiler:
        _, sums, stats, *_ = _engine.snapshot(_AFTER_ALL, b"", -1, 0)
        before = samples.allocated_by_stack(sums)
        del sums
        if not joining.is_joined(joining.HEAP):
            _start(*self._how)
        self._snapshot = None
        self._serial_before = stats["last_serial"]
        self._total_before = stats["total_samples"]
        self._before = before
        self._since_ns = time.monotonic_ns()
        _engine.reset_peak()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_torn_down():  # the exit handler has already shut the profiler down
            return
        try:
            begin = samples.PEAK_OF_WINDOW
            self._snapshot = snapshot.take(self._serial_before, self._before, self._total_before, begin, self._since_ns)
        finally:
            self._before = {}
            if _engine.is_active():  # otherwise the block itself has stopped the profiler
                stop()


def _start(rate_bytes: int, native: str, seed: int | None, budget_ppm: int) -> None:
    if environment.keeps_from_starting():
        return
    keep_all()
    if rate_bytes < _FINE_BYTES:
        run_all()
    _engine.start(rate_bytes, native, seed, budget_ppm)
    _engine.take_reserve()
    if native == "auto" and _engine.stats()["native_mode"] == "off":
        _warn_of_off()
    first = object()
    if _engine.kept().setdefault("heap ends at exit", first) is first:
        atexit.register(shutdown if _engine.is_main_interpreter() else _stop_own)


_LOGGER = "logger"


def _native_mode(of_engine: str) -> str:
    """Return the engine's native mode in the words of the API. On macOS, libmalloc's logger stands in for patching."""
    return _LOGGER if of_engine == "patch" and supported.is_macos() else of_engine


def _why_off() -> str:
    if supported.is_macos():
        return (
            "the heap profiler gets no reports from libmalloc, perhaps because another tool has set its logger, so it "
            'samples Python\'s allocators only: start the program without that tool, or use native="off" if that is '
            "what you want"
        )
    return (
        "the heap profiler found no malloc call that it could patch (a statically linked program, or a sandbox that "
        "refuses process_vm_writev where there is no /proc), so it samples Python's allocators only: start the program "
        f'with LD_PRELOAD={_engine.library_path()}, or use native="off" if that is what you want'
    )


def _warn_of_off() -> None:
    try:
        warnings.warn(_why_off(), RuntimeWarning, stacklevel=4)
    except RuntimeWarning:  # a filter turned it into an error: leave nothing started
        _engine.stop()
        raise


def _stop_own() -> None:
    """Stop what this subinterpreter has started: the process outlives it."""
    if _engine.is_active() and _engine.is_own():
        stop()


def _checked(
    sampling_rate_kb: int, native: str, seed: int | None, budget_percent: float | None
) -> tuple[int, str, int | None, int]:
    """Return the arguments of ``start()`` as the engine takes them: mean bytes between samples, native mode, seed, and
    the budget in millionths (0 for none).
    """
    rate_kb = _integer("sampling_rate_kb", sampling_rate_kb)
    if not 0 <= rate_kb <= _RATE_MAX_KB:
        raise ValueError(
            f"sampling_rate_kb must be between 0 (every allocation) and {_RATE_MAX_KB} (1 GiB), not {rate_kb}; "
            f"512 is the default"
        )
    if native not in _NATIVE_MODES:
        raise ValueError(f"unknown native mode {native!r}; use one of {', '.join(map(repr, _NATIVE_MODES))}")
    if seed is not None:
        seed = _integer("seed", seed)
        if not 0 <= seed <= _SEED_MAX:
            raise ValueError(f"seed must be between 0 and 2**64 - 1, not {seed}; None picks one at random")
    return rate_kb * 1024, native, seed, _budget_ppm(budget_percent, rate_kb)


def _budget_ppm(percent: float | None, rate_kb: int) -> int:
    if percent is None:
        return 0
    if isinstance(percent, bool) or not isinstance(percent, (int, float)):
        raise TypeError(f"sampling_budget_percent must be a number or None, not {type(percent).__name__}")
    if not 0 < percent <= 100:
        raise ValueError(
            f"sampling_budget_percent must be above 0 and at most 100, not {percent}; 0.1 is a good starting value"
        )
    if rate_kb == 0:
        raise ValueError("sampling_rate_kb=0 samples every allocation, which no budget can bound; pass 1 or more")
    return max(round(percent * _PPM_OF_PERCENT), 1)


def _integer(name: str, value: int) -> int:
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not a bool")
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}; round it first") from None
