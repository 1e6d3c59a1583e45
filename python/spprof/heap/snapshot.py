"""HeapSnapshot: the live samples at one point in time, and what a user can do with them.

samples ─► sums ─► estimates, intervals, top_allocators, print
   ├─► compare: the change since an earlier snapshot
   └─► to_pprof ─► pprof.Profile ─► formats ─► the file      (report ─► the page in a notebook)
"""

from __future__ import annotations

import os
import struct
import time

from spprof import _engine, formats
from spprof.analysis.sites import Sums, key_of, note_choice, rounded, site_frame
from spprof.heap import mapped
from spprof.heap.estimates import checked_count
from spprof.heap.peak import HeapPeak
from spprof.heap.pools import pools
from spprof.heap.samples import (
    BIRTH,
    PEAK,
    PEAK_OF_WINDOW,
    RATE,
    SAMPLE,
    HeapSamples,
    OwnMemory,
)
from spprof.heap.to_pprof import profile_of
from spprof.on_demand import module
from spprof.pprof.processes import NO_LINEAGE, Lineage
from spprof.pprof.profile import ALLOC_TYPES, PEAK_SPACE, PEAK_TYPES
from spprof.pprof.shortages import Shortages, dropped_of
from spprof.records import cached_property, dataclass, replace, suppress
from spprof.reserve import with_reserve
from spprof.symbolize.own_code import is_own
from spprof.symbolize.stacks import KeptStacks, forget
from spprof.text import sampling_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from spprof._engine import Site as StackSums
    from spprof._engine import Stats
    from spprof.analysis.sites import SiteKey
    from spprof.formats import Target
    from spprof.heap import compare, mapped_sites, resident_memory, text
    from spprof.heap.estimates import HeapEstimates, StackTotal
    from spprof.heap.samples import Allocated
    from spprof.pprof.profile import Profile
    from spprof.report import notebook
    from spprof.results import Mapping as MemoryMapping
    from spprof.results import ResidentMemory, SiteDifference, SiteGrowth
    from spprof.rows import TopMapping
else:
    mapped_sites = module("spprof.heap.mapped_sites")
    resident_memory = module("spprof.heap.resident_memory")
    compare = module("spprof.heap.compare")
    notebook = module("spprof.report.notebook")
    text = module("spprof.heap.text")

RECORDED = "recorded series"
"""The key under which the interpreter keeps the process and the stem of the series that was started last."""

_REPORT_TIMES = 20
_REPORT_SECONDS = 10.0
"""A residency report is reused for this many times as long as measuring it took, but for at most this many seconds."""

_lately: list[tuple[int, float, float, ResidentMemory | None]] = []
"""The latest residency report: the process, when measuring began and ended, and the result."""


@dataclass(frozen=True, eq=False, repr=False)
class HeapSnapshot(HeapSamples):
    """The sampled blocks that were live at one point in time, as returned by ``spprof.memprof.get_snapshot()``.

    All sizes are estimates from samples, unless every allocation was sampled (rate 0). An estimate is unbiased, and its
    interval says how far off it may be. A snapshot does not change, whatever the program does afterwards, and may be
    read from any thread.
    """

    @cached_property
    def peak(self) -> HeapPeak:
        """The heap at its highest estimate since the first start, without the profiler's own memory. For a
        ``MemoryProfiler``, this is the highest estimate within its block. In a forked child, the peak starts with the
        inherited memory.

        If other threads are allocating at that moment, the sites may lack one sample per thread, or have one too many.
        """
        return self._peak(self._peak_of)

    @cached_property
    def window_peak(self) -> HeapPeak:
        """The heap at its highest estimate since the last ``reset_peak()``, or since the start of a later
        ``MemoryProfiler`` block.
        """
        return self._peak(PEAK_OF_WINDOW)

    def _peak(self, begin: int) -> HeapPeak:
        totals = [(stack_id, Sums(*sums)) for stack_id, sums in self.peak_totals(begin)]
        self._note_choice(totals)
        return HeapPeak(
            totals,
            self.sampling_rate_bytes,
            lambda: self._profile_of_peak(begin),
            self.longest_rate_bytes,
            self.shortages,
            self._frames_of,
            self._learn,
        )

    def _profile_of_peak(self, begin: int) -> Profile:
        of_that = self if begin == self._peak_of else replace(self, _peak_of=begin)
        return profile_of(of_that).with_types((*ALLOC_TYPES, *PEAK_TYPES), PEAK_SPACE.type)

    def _note_choice(self, totals: list[StackTotal]) -> None:
        allocated: dict[SiteKey, int] = {}
        keys: dict[int, SiteKey] = {}
        for stack_id, _, _, space, _ in self.site_totals():
            key = keys[stack_id] = key_of(site_frame(self._frames_of(stack_id)))
            allocated[key] = allocated.get(key, 0) + space
        parts: dict[SiteKey, list[Sums]] = {}
        for stack_id, sums in totals:
            parts.setdefault(keys[stack_id], []).append(sums)
        note_choice([(sums, allocated[key]) for key, sums in parts.items()])

    @property
    def mappings(self) -> tuple[MemoryMapping, ...]:
        """The program's own mappings, by address: ``mmap``, shared memory, ``numpy.memmap``, the memory of
        libraries with their own allocator. None of the heap's numbers includes it. Empty with ``native="off"``.
        """
        return self.mapped.mappings if self.mapped else ()

    @property
    def resident(self) -> ResidentMemory | None:
        """The process's resident memory (RSS), part by part: in use, free and kept, mapped, stacks, files, the rest.

        It is measured on first access, so read it soon. None if the kernel does not report it (no ``/proc``).
        """
        return self._resident

    @cached_property
    def _resident(self) -> ResidentMemory | None:
        return with_reserve(resident_memory.measure, self)

    def _resident_or_not(self) -> ResidentMemory | None:
        """Return ``resident``, or the result of a measurement made shortly before. None, too, if no memory is left to
        measure it: the rest of the snapshot is still worth saving.
        """
        with suppress(MemoryError):
            return self._resident if "_resident" in vars(self) else self._resident_lately
        return None

    @cached_property
    def _resident_lately(self) -> ResidentMemory | None:
        """The residency report. Files and tables that are made in quick succession share it, so that measuring takes at
        most a twentieth of the time.
        """
        for pid, began, ended, known in _lately:
            if pid == os.getpid() and time.monotonic() < ended + min(_REPORT_TIMES * (ended - began), _REPORT_SECONDS):
                return known
        began = time.monotonic()
        found = self.resident
        _lately[:] = [(os.getpid(), began, time.monotonic(), found)]
        return found

    def growth(self) -> list[SiteGrowth]:
        """Return how each site grew over the series of snapshots that this process is writing, or wrote last, through
        ``record()`` or ``run --keep``. The series is read up to its latest file. The result is that of
        ``spprof.memprof.growth(folder)``.

        RuntimeError: the process has written no series. ValueError: the series has fewer than two snapshots. OSError:
        the folder cannot be read.
        """
        process, stem = _engine.kept().get(RECORDED, (0, ""))
        if process != os.getpid():
            raise RuntimeError(
                "this process has recorded no series: call spprof.memprof.record(folder), or give several snapshots to "
                "spprof.memprof.growth()"
            )
        from spprof.analysis.series_growth import growth_in  # modules that read files are not kept in memory

        folder, name = os.path.split(stem)
        return growth_in(folder, name)[0]

    def top_mappings(self, n: int = 10) -> list[TopMapping]:
        """Return the ``n`` sites whose mappings hold the most memory, largest first. If resident sizes are unknown,
        sites are ranked by address space.

        A site is defined as for ``top_allocators``. If a mapping was made on a thread without Python frames, its site
        is the library and the thread. If it was made before the start, its site is the file. Each row is a dict:
        ``kind`` (``"mapped"``), ``function``, ``file``, ``line``, ``mapped_bytes``, ``resident_bytes`` (or None),
        ``mapping_count`` and ``native_function``.

        TypeError if ``n`` is not an integer, ValueError if it is negative.
        """
        return mapped_sites.top(self.mapped, checked_count(n))

    def compare(self, earlier: HeapEstimates) -> list[SiteDifference]:
        """Return the change since ``earlier``, a snapshot of the same process: largest absolute change of bytes first.

        Samples that are in both snapshots cancel exactly. Only the other samples contribute to the difference and to
        the width of its 95 % interval. A site where no sample appeared or disappeared is not listed. A peak no longer
        has its individual samples, so a snapshot and a peak are treated as independent, and the interval is wider.

        TypeError if ``earlier`` is not a HeapEstimates.
        """
        samples: HeapSamples | None = getattr(earlier, "by_serial", None)
        return super().compare(earlier) if samples is None else compare.compare(samples, self)

    def save_with_notes(
        self,
        path: Target,
        format: str | None,
        notes: dict[str, str] | None = None,
    ) -> None:
        """Like ``save``, but for the package's own use: ``notes`` become comments."""
        known_format = formats.format_for(path, format)
        formats.save(self.to_pprof(notes), path, known_format)

    def to_pprof(self, notes: dict[str, str] | None = None) -> Profile:
        """Return the snapshot as the profile that a pprof file contains. ``notes`` become comments."""
        return with_reserve(profile_of, self, notes, None, self._resident_or_not())

    def __str__(self) -> str:
        """Return a table of the top ten sites with their intervals, and the total."""
        return with_reserve(text.render, self, self._resident_or_not())

    def __repr__(self) -> str:
        low, high = self.heap_bytes_interval()
        return (
            f"<HeapSnapshot: {self.estimated_heap_bytes} bytes estimated (95 %: {low} to {high}), "
            f"{self.live_samples} live samples, {sampling_text(self.sampling_rate_bytes)}>"
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the page that ``save("….html")`` writes, in a frame."""
        return notebook.iframe(self.to_pprof())


def take(
    after_serial: int = 0,
    before: Mapping[int, Allocated] | None = None,
    total_before: int = 0,
    peak_of: int = PEAK,
    mapped_since_ns: int = 0,
) -> HeapSnapshot:
    """Take a snapshot of the samples with serial numbers above ``after_serial``.

    ``before`` and ``total_before``: each stack's allocations, and the number of samples, up to that serial number. Both
    are subtracted from the totals. ``peak_of``: PEAK or PEAK_OF_WINDOW. ``mapped_since_ns``: include only mappings made
    after this time of the monotonic clock; 0: all mappings.
    """
    return with_reserve(_take, after_serial, before, total_before, peak_of, mapped_since_ns)


def _take(
    after_serial: int,
    before: Mapping[int, Allocated] | None,
    total_before: int,
    peak_of: int,
    mapped_since_ns: int,
) -> HeapSnapshot:
    raw = _engine.snapshot(after_serial, b"", -1, 0)
    sites, own = _apart(raw[1])
    return _made_of(raw, sites, own, own, dict(before or {}), total_before, peak_of, mapped_since_ns)


def take_changed(
    known: bytes, since: int, number: int, own: dict[int, StackSums]
) -> tuple[HeapSnapshot, bytes, tuple[int, ...]]:
    """Take a snapshot of the stacks that have changed since snapshot number ``since``. Return it, the fingerprints of
    all stacks, and the ids of the stacks in ``known`` that are gone.

    ``known``: the fingerprints of the last snapshot. ``number``: the number of this one. ``own``: the latest sums of
    the profiler's own stacks, by id; updated in place.
    """
    raw = _engine.snapshot(0, known, since, number)
    sites, changed = _apart(raw[1], is_part=True)
    gone = struct.unpack(f"={len(raw[7]) // 8}Q", raw[7])
    forget(gone)
    for stack_id in gone:
        own.pop(stack_id, None)
        _whose.pop(stack_id, None)
    own.update((site[0], site) for site in changed)
    made = _made_of(raw, sites, changed, list(own.values()), {}, 0, PEAK, 0, is_part=True)
    return made, raw[6], gone


def _made_of(
    raw: tuple[bytes, list[StackSums], Stats, int, bytes, bytes | None, bytes, bytes],
    sites: list[StackSums],
    left_out: list[StackSums],
    own_sites: list[StackSums],
    before: dict[int, Allocated],
    total_before: int,
    peak_of: int,
    mapped_since_ns: int,
    is_part: bool = False,
) -> HeapSnapshot:
    """Return the snapshot of ``sites``. ``left_out``: the profiler's own stacks among those that the engine returned.
    ``own_sites``: all stacks of the profiler itself. ``is_part``: the process has more stacks.
    """
    packed, _, stats, wall_minus_monotonic_ns, peaks, blocks, *_ = raw
    if left_out:
        packed = _engine.samples_without(packed, struct.pack(f"={len(left_out)}Q", *(site[0] for site in left_out)))
    own = _own_memory(own_sites, before, stats["birth"])
    stacks = KeptStacks({site[0]: (site[0], *site[16:19]) for site in sites}, is_part)
    return HeapSnapshot(
        live_samples=len(packed) // SAMPLE.size,
        total_samples=stats["total_samples"] - total_before - own.total_samples,
        sampling_rate_bytes=stats["sampling_rate_bytes"],
        timestamp_ns=time.time_ns(),
        _highest_bytes=rounded(stats["peak_bytes"], _engine.BYTES_ONE),
        _packed=packed,
        _sites=sites,
        _wall_minus_monotonic_ns=wall_minus_monotonic_ns,
        _before=before,
        longest_rate_bytes=stats["longest_rate"],
        shortages=_shortages(stats, packed),
        lineage=_lineage(stats),
        own=own,
        pools=pools(),
        _peaks=peaks,
        _peak_of=peak_of,
        _blocks=blocks,
        mapped=mapped.take(wall_minus_monotonic_ns, mapped_since_ns) if stats["native_mode"] != "off" else None,
        _frames_of=stacks.frames,
        _native_part=stacks.native_part,
        _learn=stacks.learn,
    )


_whose: dict[int, bool] = {}
"""Keyed by stack id: True if the stack is the profiler's own. An id is never reused for another stack."""
_FORGOTTEN_FROM = 10_000


def _apart(sites: list[StackSums], is_part: bool = False) -> tuple[list[StackSums], list[StackSums]]:
    """Split the stacks into those of the program and those of the profiler's own Python code."""
    _whose.update({site[0]: is_own(site[16]) for site in sites if site[0] not in _whose})
    own = {site[0] for site in sites if _whose[site[0]]}
    if not is_part and len(_whose) > 2 * len(sites) + _FORGOTTEN_FROM:
        here = {site[0] for site in sites}
        for stack_id in [stack_id for stack_id in _whose.copy() if stack_id not in here]:
            _whose.pop(stack_id, None)
    if not own:
        return sites, []
    return [site for site in sites if site[0] not in own], [site for site in sites if site[0] in own]


def _own_memory(sites: list[StackSums], before: dict[int, Allocated], birth: int) -> OwnMemory:
    """Return the sums of the profiler's own stacks, and remove these stacks from ``before``."""
    earlier = sum(before.pop(site[0], (0, 0, 0))[0] for site in sites)
    return OwnMemory(
        live_samples=sum(site[1] for site in sites),
        total_samples=sum(site[9] for site in sites) - earlier,
        fixed=sum(site[3] for site in sites),
        fixed_here=sum(site[3] for site in sites if site[BIRTH] == birth),
    )


def _shortages(stats: Stats, packed: bytes) -> Shortages:
    thinned_rate = stats["thinned_rate"]
    if thinned_rate:  # later samples may have shorter intervals than those to which earlier blocks were thinned
        thinned_rate = max(thinned_rate, max((record[RATE] for record in SAMPLE.iter_unpack(packed)), default=0))
    return Shortages(
        evicted_stacks=stats["evicted_stacks"],
        folded_bytes=rounded(stats["folded_bytes"], _engine.BYTES_ONE),
        unkept_samples=stats["unkept_samples"],
        unkept_live_samples=stats["unkept_live_samples"],
        marked_codes=stats["marked_codes"],
        thinned_samples=stats["thinned_samples"],
        thinned_rate=thinned_rate,
        lost_bytes=rounded(stats["lost_bytes"], _engine.BYTES_ONE),
        unlisted_mappings=_engine.mapping_stats()["dropped"],
        dropped=dropped_of(stats["dropped_samples"]),
    )


def _lineage(stats: Stats) -> Lineage:
    """Return this process and its ancestors by fork; NO_LINEAGE if there are more of them than the engine tracks."""
    processes = tuple(_engine.processes()[: stats["birth"] + 1])
    return Lineage(processes, stats["forked_serial"]) if len(processes) == stats["birth"] + 1 else NO_LINEAGE
