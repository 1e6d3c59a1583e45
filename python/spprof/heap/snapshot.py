"""HeapSnapshot: the live samples at one moment, and what they say about the heap.

    engine ─► packed samples (48 bytes each) ──────────────► samples        built when first asked for
          └─► sums for each stack ─► sums for each site ───► estimates, intervals, top_allocators
                                  └► merged stacks ────────► writers

Cutting a snapshot touches nothing per sample in Python; whatever costs is worked out when first asked for, and kept.
"""

from __future__ import annotations

import operator
import struct
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from spprof import _engine
from spprof.analysis import estimate
from spprof.analysis.sites import LiveSite, SiteKey, key_of, outwards, rounded, site_frame
from spprof.formats.frame_memo import PerFrame
from spprof.heap.unwind_quality import judge
from spprof.results import AllocationSample, Frame, FramePointerHealth, SiteDifference, TopAllocator
from spprof.symbolize.stacks import learn, stack_frames

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from spprof._engine import NativePart, Site
    from spprof.formats.source import Chart
    from spprof.pprof.profile import Profile

SAMPLE = struct.Struct(_engine.SAMPLE_FORMAT)
STACK_ID = 5  # where it stands in a sample
_BYTES_ONE = _engine.BYTES_ONE
_OBJECTS_ONE = _engine.OBJECTS_ONE


SiteTotals = tuple[int, int, int, int, int]
"""Stack id; bytes and objects that are live; bytes and objects ever allocated. Bytes in 1/BYTES_ONE, objects in
1/OBJECTS_ONE."""


class StackTotals(NamedTuple):
    """One stack as the writers see it."""

    frames: tuple[Frame, ...]
    """Leaf first."""
    weights: tuple[int, ...]
    """One for each column; of a snapshot the estimates, rounded, in the order of HEAP_COLUMNS."""


Column = tuple[str, str]
"""Name and unit of the weights of stacks."""

HEAP_COLUMNS: tuple[Column, ...] = (
    ("in use: bytes", "bytes"),
    ("in use: objects", "count"),
    ("allocated: bytes", "bytes"),
    ("allocated: objects", "count"),
)


@dataclass(frozen=True, eq=False, repr=False)
class HeapSnapshot:
    """The sampled blocks that were live at one moment. ``spprof.memprof.get_snapshot()`` makes it.

    All sizes are estimates from samples unless the rate was 0: an estimate is unbiased, and its interval says how far
    off it may be. A snapshot does not change, whatever the program does afterwards, and may be read from any thread.
    """

    live_samples: int
    """Sampled blocks that were live."""
    total_samples: int
    """Samples ever kept, freed ones included; of a ``MemoryProfiler``, those kept inside its block."""
    sampling_rate_bytes: int
    """Mean bytes between samples, the latest; 0 = every allocation. Each sample carries the rate of its own."""
    timestamp_ns: int
    """When the snapshot was cut: wall clock, nanoseconds since the epoch, as ``time.time_ns()``."""
    _highest_bytes: int
    _packed: bytes
    _sites: Sequence[Site]
    _wall_minus_monotonic_ns: int
    _sites_before: Sequence[Site] = ()
    _frames_of: Callable[[int], tuple[Frame, ...]] = stack_frames
    _native_part: Callable[[int], NativePart] = _engine.native_part
    _learn: Callable[[Iterable[int]], None] = learn

    # ---- estimates

    @property
    def estimated_heap_bytes(self) -> int:
        """Estimated live bytes, rounded to whole bytes."""
        return self._whole.estimated_bytes

    @property
    def estimated_heap_objects(self) -> int:
        """Estimated live blocks, rounded to whole blocks."""
        return self._whole.estimated_objects

    @property
    def peak_heap_bytes(self) -> int:
        """The highest estimate of live bytes since the first start, in the whole process."""
        return max(self._highest_bytes, self.estimated_heap_bytes)

    def heap_bytes_interval(self, confidence: float = 0.95) -> tuple[int, int]:
        """(low, high): where the live bytes lie with probability ``confidence``, in bytes, rounded outwards.

        The low end is never less than the sampled blocks themselves. The high end leaves room for blocks of which
        none was sampled: without any sample, the interval is [0, -ln((1-confidence)/2) * sampling_rate_bytes], that
        is [0, 3.69 rates] at 95 %. With every allocation sampled both ends are exact. The formula is
        ``spprof.analysis.estimate``'s; docs/sampling.md derives it.

        ValueError unless 0 < confidence < 1.
        """
        whole = self._whole
        exact = whole.fixed_bytes / _BYTES_ONE
        return outwards(
            estimate.heap_interval(
                exact, whole.variance, whole.skewness, whole.seen_bytes, self.sampling_rate_bytes, confidence
            )
        )

    def top_allocators(self, n: int = 10) -> list[TopAllocator]:
        """The ``n`` sites that hold the most live bytes, largest first.

        A site is the innermost Python frame: function, file and line. Where a stack has none, it is the innermost
        native frame, or ``"<native>"`` where nothing is known. Each row is a dict: ``function``, ``file``, ``line``,
        ``estimated_bytes``, ``estimated_objects``, ``sample_count``, ``low_bytes`` and ``high_bytes`` (95 % interval
        of the bytes), ``native_function`` (what allocated beneath that line, or None). A site without live samples
        is not listed.

        TypeError if ``n`` is not an integer, ValueError if it is negative.
        """
        count = operator.index(n)
        if count < 0:
            raise ValueError(f"n must be 0 or more, not {count}")
        return [_row(key, site) for key, site in self.ranked_sites[:count]]

    # ---- samples and quality

    @cached_property
    def samples(self) -> tuple[AllocationSample, ...]:
        """The live samples, in the order of their allocation. Built when first asked for, one object a sample."""
        self._learn(site[0] for site in self._sites if site[1])
        weights: dict[tuple[int, int], tuple[float, float, float]] = {}
        offset = self._wall_minus_monotonic_ns
        built = []
        for address, size, time_ns, _, rate, stack_id, thread_id, _ in sorted(self.records(), key=_by_serial):
            weight = weights.get((size, rate)) or weights.setdefault((size, rate), estimate.weigh(size, rate))
            stack = self._frames_of(stack_id)
            built.append(
                AllocationSample(address, size, weight[1], weight[2], rate, time_ns + offset, thread_id, stack)
            )
        return tuple(built)

    @property
    def frame_pointer_health(self) -> FramePointerHealth:
        """How far native stacks can be trusted: of all samples taken, how many stacks are whole."""
        before = {site[0]: site[9] for site in self._sites_before}
        return judge([(self._native_part(site[0]), site[9] - before.get(site[0], 0)) for site in self._sites])

    # ---- output

    def save(self, path: str | bytes | os.PathLike[str] | os.PathLike[bytes], format: str | None = None) -> None:
        """Writes the snapshot to ``path``, readable by its owner only (mode 0600).

        ``format``: ``"pprof"``, ``"speedscope"``, ``"collapsed"`` or ``"html"``; None takes it from the suffix:
        ``.pb.gz`` is pprof, ``.json`` is speedscope, ``.collapsed`` and ``.txt`` are collapsed, ``.html`` is html, a
        page for any browser. The file is written aside and renamed, so that a failure leaves what was there before;
        a FIFO or a device is written directly.

        ValueError: unknown format, or None and an unknown suffix. OSError: the file cannot be written.
        """
        from spprof import formats

        formats.save(self, path, format)

    def compare(self, earlier: HeapSnapshot) -> list[SiteDifference]:
        """What changed since ``earlier``, a snapshot of the same process: largest absolute change of bytes first.

        Only the samples that one of the two snapshots holds and the other does not make the difference, and the
        width of its 95 % interval: what lived through both cancels exactly. A site where no sample came or went is
        not listed.

        TypeError if ``earlier`` is not a HeapSnapshot.
        """
        from spprof.heap.compare import compare

        return compare(earlier, self)

    def __str__(self) -> str:
        """A table of the ten top sites with their intervals, and the total."""
        from spprof.heap.text import render

        return render(self)

    def __repr__(self) -> str:
        low, high = self.heap_bytes_interval()
        return (
            f"<HeapSnapshot: {self.estimated_heap_bytes} bytes estimated (95 %: {low} to {high}), "
            f"{self.live_samples} live samples, one each {self.sampling_rate_bytes} bytes>"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows of it: the page of ``save("….html")`` in a frame."""
        from spprof.report.notebook import iframe

        return iframe(self.recorded())

    # ---- for the package's own use

    @property
    def title(self) -> str:
        return "spprof heap profile"

    def charts(self) -> list[Chart]:
        """A chart for each column."""
        from spprof.formats.source import by_column

        return by_column(self.columns, self.stack_totals())

    def recorded(self, notes: dict[str, str] | None = None) -> Profile:
        """The profile that stands in a pprof file. ``notes`` become comments."""
        from spprof.heap.to_pprof import profile_of

        return profile_of(self, notes)

    @property
    def columns(self) -> tuple[Column, ...]:
        """What the weights of ``stack_totals`` are."""
        return HEAP_COLUMNS

    def records(self) -> Iterator[tuple[int, ...]]:
        """The live samples as the engine packs them, in no order: address, size, time_ns, serial, rate, stack_id, …"""
        return SAMPLE.iter_unpack(self._packed)

    def frames(self, stack_id: int) -> tuple[Frame, ...]:
        """The frames of a stack, leaf first, never empty."""
        return self._frames_of(stack_id)

    def site_totals(self) -> list[SiteTotals]:
        """Each stack that has any sample, with what this snapshot counts of it. All of them are then known by name."""
        self._learn(site[0] for site in self._sites)
        before = {site[0]: site for site in self._sites_before}
        totals = []
        for site in self._sites:
            earlier = before.get(site[0])
            allocated_bytes = site[10] - earlier[10] if earlier else site[10]
            allocated_objects = site[11] - earlier[11] if earlier else site[11]
            totals.append((site[0], site[3], site[4], allocated_bytes, allocated_objects))
        return totals

    def site_key(self, stack_id: int) -> SiteKey:
        """The site to which the stack of a live sample belongs."""
        return self._site_keys[stack_id]

    @cached_property
    def live_sites(self) -> dict[SiteKey, LiveSite]:
        """Every site that has a live sample."""
        self._learn(site[0] for site in self._sites if site[1])
        sites: dict[SiteKey, LiveSite] = {}
        for record in self._sites:
            if record[1] == 0:
                continue
            frames = self._frames_of(record[0])
            frame = site_frame(frames)
            key = key_of(frame)
            site = sites.get(key)
            if site is None:
                site = sites[key] = LiveSite()
            site.add(record)
            if frame.is_python and frames[0] is not frame:
                beneath = frames[0].function
                site.natives[beneath] = site.natives.get(beneath, 0) + record[3]
        return sites

    def stack_totals(self) -> list[StackTotals]:
        """Every stack ever sampled, equal ones merged, root-most names first in order."""
        merged: dict[tuple[SiteKey, ...], tuple[tuple[Frame, ...], list[int]]] = {}
        keys = PerFrame(key_of)
        for stack_id, *totals in self.site_totals():
            frames = self._frames_of(stack_id)
            key = keys.of(frames[::-1])
            known = merged.get(key)
            if known is None:
                merged[key] = (frames, totals)
            else:
                known[1][:] = map(operator.add, known[1], totals)
        return [_stack_totals(*merged[key]) for key in sorted(merged) if any(merged[key][1])]

    @cached_property
    def _site_keys(self) -> dict[int, SiteKey]:
        live = [site[0] for site in self._sites if site[1]]
        self._learn(live)
        frames = [site_frame(self._frames_of(stack_id)) for stack_id in live]
        return {stack_id: key_of(frame) for stack_id, frame in zip(live, frames)}

    @cached_property
    def ranked_sites(self) -> list[tuple[SiteKey, LiveSite]]:
        """The live sites, most bytes first, then by name."""
        return sorted(self.live_sites.items(), key=lambda item: (-item[1].fixed_bytes, item[0]))

    @cached_property
    def _whole(self) -> LiveSite:
        whole = LiveSite()
        for site in self._sites:
            if site[1]:
                whole.add(site)
        return whole


def cut(after_serial: int = 0, sites_before: Sequence[Site] = (), total_before: int = 0) -> HeapSnapshot:
    """Cuts a snapshot of the samples that came after ``after_serial``.

    ``sites_before`` and ``total_before``: the sites and the number of samples when that was the last serial; what had
    been allocated by then is left out of the allocated totals.
    """
    packed, sites, stats, wall_minus_monotonic_ns = _engine.snapshot(after_serial)
    return HeapSnapshot(
        live_samples=len(packed) // SAMPLE.size,
        total_samples=stats["total_samples"] - total_before,
        sampling_rate_bytes=stats["sampling_rate_bytes"],
        timestamp_ns=time.time_ns(),
        _highest_bytes=rounded(stats["peak_bytes"], _BYTES_ONE),
        _packed=packed,
        _sites=sites,
        _wall_minus_monotonic_ns=wall_minus_monotonic_ns,
        _sites_before=sites_before,
    )


def _by_serial(record: tuple[int, ...]) -> int:
    return record[3]


def _row(key: SiteKey, site: LiveSite) -> TopAllocator:
    low, high = site.bytes_interval()
    return {
        "function": key.function,
        "file": key.file,
        "line": key.line,
        "estimated_bytes": site.estimated_bytes,
        "estimated_objects": site.estimated_objects,
        "sample_count": site.samples,
        "low_bytes": low,
        "high_bytes": high,
        "native_function": max(site.natives, key=lambda name: (site.natives[name], name)) if site.natives else None,
    }


def _stack_totals(frames: tuple[Frame, ...], totals: list[int]) -> StackTotals:
    inuse = rounded(totals[0], _BYTES_ONE), rounded(totals[1], _OBJECTS_ONE)
    allocated = rounded(totals[2], _BYTES_ONE), rounded(totals[3], _OBJECTS_ONE)
    return StackTotals(frames, inuse + allocated)
