"""The heap profiler: which lines of the program hold how much memory.

    import spprof.memprof as memprof

    memprof.start()
    ...
    print(memprof.get_snapshot())
    memprof.stop()

An allocation is sampled with a probability that grows with its size, one each ``sampling_rate_kb`` KiB on the
average; what was not sampled costs a few instructions. Estimates are unbiased and come with intervals
(``spprof.analysis.estimate``). One profiler serves the whole process: these functions may be called from any thread.

Importing this module brings all that it will ever need into memory (``spprof.on_demand``), and runs what a start needs:
nothing is read later, when the program has changed its root, used up its descriptors or been upgraded on disk.
"""

from __future__ import annotations

import atexit
import os
import time
import warnings
from _operator import index

from spprof import _engine, environment, joining
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
        """A type, from memory when it is asked for."""
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
"""Below this rate the modules that a snapshot will need run before sampling begins: there would be many samples of what
they allocate, some 3 MiB, to leave out."""

_AFTER_ALL = 2**64 - 1
"""The serial number after which there is no sample."""


def start(
    sampling_rate_kb: int = 512,
    *,
    native: str = "auto",
    seed: int | None = None,
    sampling_budget_percent: float | None = None,
) -> None:
    """Start sampling. Starting again after ``stop()`` adds to what is already recorded.

    ``sampling_rate_kb``: mean KiB between samples, 512 by default, at most 1048576 (1 GiB). Fewer is more accurate and
    costs more; 0 samples every allocation, exact and slow: for tests and tiny scripts. A new rate holds from each
    thread's next allocation on; estimates over mixed rates stay unbiased.

    ``native``: how to follow allocations below Python's allocators. ``"auto"``: by ``libspprof_alloc.so`` if it was
    preloaded (LD_PRELOAD), else by patching the loaded objects, which needs no restart. ``"preload"``: an error
    without the library. ``"patch"``: by patching. ``"off"``: Python's allocators only.

    ``seed``: 0 to 2**64 - 1 makes the random sequence of each thread the same in each run; None seeds it anew.

    ``sampling_budget_percent``: percent of one core that taking samples may cost, above 0 and at most 100. Where they
    cost more, the interval between samples grows, and comes back to ``sampling_rate_kb`` when they cost less; each
    sample keeps the interval it was drawn under, and estimates stay unbiased. It bounds samples, not the few
    instructions of every allocation. None: no bound, and nothing is measured.

    ValueError: rate below 0 or above 1 GiB, unknown ``native``, seed or budget out of range, a budget at rate 0.
    TypeError: rate or seed not an integer, budget not a number (a bool is neither). RuntimeError: already active, shut
    down, the native mode is unavailable, or this is a subinterpreter with its own GIL; the message says what to do.
    Under ``spprof run``, or where SPPROF has started the profiler, the call joins that profile, and one warning says
    so. If ``"auto"`` finds no malloc call that it can patch, a RuntimeWarning says so, and only Python's allocators are
    sampled.
    """
    checked = _checked(sampling_rate_kb, native, seed, sampling_budget_percent)
    if not joining.joins(joining.HEAP, "memprof.start()"):
        _start(*checked)


def stop() -> None:
    """Stop sampling. Frees are still followed, so nothing looks leaked afterwards; all data stays readable.

    Under ``spprof run``, or where SPPROF has started the profiler, it goes on.

    RuntimeError: not active, or this is a subinterpreter with its own GIL.
    """
    if joining.is_joined(joining.HEAP):
        return
    if _engine.is_active() or not environment.is_off():
        _engine.stop()


def get_snapshot() -> HeapSnapshot:
    """Return the sampled blocks that are live now: while active, after ``stop()`` and after ``shutdown()``.

    RuntimeError: nothing was ever started.
    """
    return with_reserve(_snapshot)


def _snapshot() -> HeapSnapshot:
    if _engine.stats()["epochs"] == 0 and not environment.is_off():
        raise RuntimeError("there is nothing to take a snapshot of; call spprof.memprof.start() first")
    return snapshot.take()


def reset_peak() -> None:
    """Begin the window of ``HeapSnapshot.window_peak`` anew, with what is live now.

    ``HeapSnapshot.peak`` and ``peak_heap_bytes`` go on as before. A ``MemoryProfiler`` block begins the window, too.
    Without effect before the first start.
    """
    _engine.reset_peak()


def growth(snapshots: Iterable[HeapSnapshot] | str | os.PathLike[str]) -> list[SiteGrowth]:
    """Return how each site grew over a series of snapshots of a process: its rate with a 95 % interval, and whether
    that looks like a leak. Sites that are growing come first, the fastest before.

    ``snapshots``: what ``get_snapshot()`` returned at several moments, ten and more for a verdict; in any order. Not
    all are used where some were taken at the same moment. Or the path of a folder with a series that was recorded, of
    this process or of others; those of several are in one list. A RuntimeWarning tells which files were left out.
    Derivation: docs/sampling.md, "Growth".

    TypeError: one is no snapshot. OSError: the folder cannot be read. ValueError: no series in it has two snapshots.
    """
    if isinstance(snapshots, (str, os.PathLike)):
        return _growth_in(os.fspath(snapshots))
    return with_reserve(heap_growth.growth_of, snapshots)


def _growth_in(folder: str) -> list[SiteGrowth]:
    from spprof.analysis.series_growth import growth_in  # what reads files is not kept

    sites, left_out = growth_in(folder)
    if left_out:
        warn_once(f"left out of {folder}: {left_out}", f"{folder}: growth() left out {left_out}")
    return sites


def record(folder: str | os.PathLike[str], *, every: float = 10.0, keep: int = 60) -> SnapshotSeries:
    """Begin to write a series of snapshots into ``folder``, which is made if missing; return what stops it.

    ``every``: seconds between snapshots, 0.01 to a million. ``keep``: how many files there may be, 2 to 100000. When
    there are as many, every second one goes and the next are kept half as often, so that they reach back to the
    beginning; the latest is always there. After the first, a file has what has changed. ``spprof growth``, ``table``,
    ``flamegraph`` and the others take the folder; each finished file stays readable, whatever ends the process.

    The first is written before this returns, the others on a thread made in C, which takes a twentieth of a core at the
    most and is stopped around forks. A forked child does not go on: call it there.

    TypeError, ValueError: an argument of another type or out of range. RuntimeError: nothing was ever started, there is
    no thread, or this is a subinterpreter. OSError: the folder or the first file cannot be made.
    """
    return with_reserve(serve_record.begin, folder, every, keep)


def trim() -> int:
    """Have malloc give back to the system the whole pages that it keeps free; return by how many bytes the process has
    become smaller, 0 or more, other threads' doings included.

    glibc's ``malloc_trim(0)``: threads that allocate wait while it goes through the memory of their arena, some 0.4 s
    for each GiB that is given back, and pages that are needed again later are asked for anew. jemalloc, tcmalloc and
    mimalloc are told by functions of their own; of another malloc nothing is asked. 0 where there is no ``/proc``.
    Needs no start.
    """
    return with_reserve(resident_memory.trim)


def get_stats() -> MemProfStats:
    """Return the profiler's counters. Never stops the program; zeros before the first start."""
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
        native_mode=stats["native_mode"],
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
    """Return whether sampling is on: between ``start()`` and ``stop()`` or ``shutdown()``."""
    return _engine.is_active()


def shutdown() -> None:
    """End the profiler for good: hooks let everything pass, and frees are no longer followed.

    What is recorded stays readable; its memory is left to the operating system. Runs by itself when the interpreter
    exits. Calling it again changes nothing, starting again is a RuntimeError. So is a call in a subinterpreter with its
    own GIL. Like ``stop()`` it leaves a profiler running that the program has not started.
    """
    if not joining.is_joined(joining.HEAP):
        _engine.shutdown()


class MemoryProfiler:
    """Profile one block of code.

        with MemoryProfiler() as profiler:
            ...
        print(profiler.snapshot)

    ``snapshot`` shows only blocks that were allocated inside the block and live at its end. It may be used again, one
    block after the other. The arguments, and ValueError and TypeError for them, are those of ``start()``. A block that
    is suspended in a generator or coroutine when the interpreter exits has no snapshot.

    RuntimeError on entering: the profiler is active already (started, or inside another MemoryProfiler: they do not
    nest), shut down, the native mode is unavailable, or this is a subinterpreter with its own GIL. Under ``spprof
    run``, or where SPPROF has started the profiler, a block is a part of that profile, with its settings.
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
        """What the block allocated and still held at its end, also if it raised.

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
        if self._is_torn_down():  # the profiler has been shut down
            return
        try:
            begin = samples.PEAK_OF_WINDOW
            self._snapshot = snapshot.take(self._serial_before, self._before, self._total_before, begin, self._since_ns)
        finally:
            self._before = {}
            if _engine.is_active():  # else the block itself has stopped the profiler
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


def _warn_of_off() -> None:
    words = (
        "the heap profiler found no malloc call that it could patch (a statically linked program, or a sandbox that "
        "refuses process_vm_writev where there is no /proc), so it samples Python's allocators only: start the program "
        f'with LD_PRELOAD={_engine.library_path()}, or use native="off" if that is what you want'
    )
    try:
        warnings.warn(words, RuntimeWarning, stacklevel=4)
    except RuntimeWarning:  # made an error: nothing was started then
        _engine.stop()
        raise


def _stop_own() -> None:
    """Stop what this subinterpreter has started: it ends, and the process goes on."""
    if _engine.is_active() and _engine.is_own():
        stop()


def _checked(
    sampling_rate_kb: int, native: str, seed: int | None, budget_percent: float | None
) -> tuple[int, str, int | None, int]:
    """The arguments of ``start()`` as the engine takes them: mean bytes between samples, native mode, seed, and the
    budget in millionths, 0 for none."""
    rate_kb = _integer("sampling_rate_kb", sampling_rate_kb)
    if not 0 <= rate_kb <= _RATE_MAX_KB:
        raise ValueError(
            f"sampling_rate_kb must lie between 0 (every allocation) and {_RATE_MAX_KB} (1 GiB), not {rate_kb}; "
            f"512 is the default"
        )
    if native not in _NATIVE_MODES:
        raise ValueError(f"unknown native mode {native!r}; use one of {', '.join(map(repr, _NATIVE_MODES))}")
    if seed is not None:
        seed = _integer("seed", seed)
        if not 0 <= seed <= _SEED_MAX:
            raise ValueError(f"seed must lie between 0 and 2**64 - 1, not {seed}; None seeds at random")
    return rate_kb * 1024, native, seed, _budget_ppm(budget_percent, rate_kb)


def _budget_ppm(percent: float | None, rate_kb: int) -> int:
    if percent is None:
        return 0
    if isinstance(percent, bool) or not isinstance(percent, (int, float)):
        raise TypeError(f"sampling_budget_percent must be a number or None, not {type(percent).__name__}")
    if not 0 < percent <= 100:
        raise ValueError(f"sampling_budget_percent must be above 0 and at most 100, not {percent}; 0.1 is a good start")
    if rate_kb == 0:
        raise ValueError("sampling_rate_kb=0 samples every allocation, which no budget can bound; give a rate")
    return max(round(percent * _PPM_OF_PERCENT), 1)


def _integer(name: str, value: int) -> int:
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not a bool")
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}; round it first") from None
