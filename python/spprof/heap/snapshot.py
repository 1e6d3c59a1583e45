"""HeapSnapshot: the live samples at one moment, and what a user does with them.

samples ─► sums ─► estimates, intervals, top_allocators, print
   ├─► compare: what changed since an earlier snapshot
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
"""Where the interpreter keeps the process and the stem of the series that it began last."""

_REPORT_TIMES = 20
_REPORT_SECONDS = 10.0
"""A report of what is in memory is good for so many times the time that it took, and for no longer than this."""

_lately: list[tuple[int, float, float, ResidentMemory | None]] = []
"""The latest report: process, when it began and ended, what it says."""


@dataclass(frozen=True, eq=False, repr=False)
class HeapSnapshot(HeapSamples):
    """The sampled blocks that were live at one moment. ``spprof.memprof.get_snapshot()`` makes it.

    All sizes are estimates from samples unless the rate was 0: an estimate is unbiased, and its interval says how far
    off it may be. A snapshot does not change, whatever the program does afterwards, and may be read from any thread.
    """

    @cached_property
    def peak(self) -> HeapPeak:
        """The heap at its highest estimate since the first start, without the profiler's own memory. Of a
        ``MemoryProfiler``, the highest of its block. In a forked child it begins with what was inherited.

        While others allocate, each thread may have one sample in flight that its sites lack, or have too much.
        """
        return self._peak(self._peak_of)

    @cached_property
    def window_peak(self) -> HeapPeak:
        """The same since the last ``reset_peak()``, or since a ``MemoryProfiler`` block was entered after it."""
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
        """What the program had mapped itself, by address: ``mmap``, shared memory, ``numpy.memmap``, the memory of
        libraries with an allocator of their own. In no number of the heap. Empty with ``native="off"``."""
        return self.mapped.mappings if self.mapped else ()

    @property
    def resident(self) -> ResidentMemory | None:
        """What of the process is in memory (RSS), part by part: in use, free and kept, mapped, stacks, files, the rest.

        Measured when it is first asked for, so ask soon. None where the kernel does not tell (no ``/proc``).
        """
        return self._resident

    @cached_property
    def _resident(self) -> ResidentMemory | None:
        return with_reserve(resident_memory.measure, self)

    def _resident_or_not(self) -> ResidentMemory | None:
        """The same, or what was measured a moment ago; None also where no memory is left to work it out: the rest is
        still worth saving."""
        with suppress(MemoryError):
            return self._resident if "_resident" in vars(self) else self._resident_lately
        return None

    @cached_property
    def _resident_lately(self) -> ResidentMemory | None:
        """Files and tables that are made one after the other share a report, so that it takes a twentieth of the time
        at the most."""
        for pid, began, ended, known in _lately:
            if pid == os.getpid() and time.monotonic() < ended + min(_REPORT_TIMES * (ended - began), _REPORT_SECONDS):
                return known
        began = time.monotonic()
        found = self.resident
        _lately[:] = [(os.getpid(), began, time.monotonic(), found)]
        return found

    def growth(self) -> list[SiteGrowth]:
        """Return how each site grew over the series of snapshots that this process writes or wrote last, by
        ``record()`` or ``run --keep``, up to its latest file: as ``spprof.memprof.growth(folder)`` does.

        RuntimeError: it has written none. ValueError: it has fewer than two snapshots. OSError: it cannot be read.
        """
        process, stem = _engine.kept().get(RECORDED, (0, ""))
        if process != os.getpid():
            raise RuntimeError(
                "this process has recorded no series: call spprof.memprof.record(folder), or give several snapshots to "
                "spprof.memprof.growth()"
            )
        from spprof.analysis.series_growth import growth_in  # what reads files is not kept

        folder, name = os.path.split(stem)
        return growth_in(folder, name)[0]

    def top_mappings(self, n: int = 10) -> list[TopMapping]:
        """The ``n`` sites whose mappings hold the most memory, largest first; where that is not known, address space.

        A site is what it is for ``top_allocators``; of a mapping that was made on a thread without Python frames, the
        library and the thread; of one from before the start, the file. Each row is a dict: ``kind`` (``"mapped"``),
        ``function``, ``file``, ``line``, ``mapped_bytes``, ``resident_bytes`` (or None), ``mapping_count`` and
        ``native_function``.

        TypeError if ``n`` is not an integer, ValueError if it is negative.
        """
        return mapped_sites.top(self.mapped, checked_count(n))

    def compare(self, earlier: HeapEstimates) -> list[SiteDifference]:
        """What changed since ``earlier``, a snapshot of the same process: largest absolute change of bytes first.

        Only the samples that one of the two snapshots holds and the other does not make the difference, and the
        width of its 95 % interval: what lived through both cancels exactly. A site where no sample came or went is
        not listed. Compared with a peak, whose samples are no longer known one by one, the two are taken as
        independent, and the interval is wider.

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
        """``save`` for the package's own use: ``notes`` become comments."""
        known_format = formats.format_for(path, format)
        formats.save(self.to_pprof(notes), path, known_format)

    def to_pprof(self, notes: dict[str, str] | None = None) -> Profile:
        """Return the snapshot as the profile that a pprof file holds. ``notes`` become comments."""
        return with_reserve(profile_of, self, notes, None, self._resident_or_not())

    def __str__(self) -> str:
        """A table of the ten top sites with their intervals, and the total."""
        return with_reserve(text.render, self, self._resident_or_not())

    def __repr__(self) -> str:
        low, high = self.heap_bytes_interval()
        return (
            f"<HeapSnapshot: {self.estimated_heap_bytes} bytes estimated (95 %: {low} to {high}), "
            f"{self.live_samples} live samples, {sampling_text(self.sampling_rate_bytes)}>"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows of it: the page of ``save("….html")`` in a frame."""
        return notebook.iframe(self.to_pprof())


def take(
    after_serial: int = 0,
    before: Mapping[int, Allocated] | None = None,
    total_before: int = 0,
    peak_of: int = PEAK,
    mapped_since_ns: int = 0,
) -> HeapSnapshot:
    """Take a snapshot of the samples that came after ``after_serial``.

    ``before`` and ``total_before``: what each stack had allocated, and the number of samples, when that was the last
    serial; both are left out of the totals. ``peak_of``: PEAK or PEAK_OF_WINDOW. ``mapped_since_ns``: with the mappings
    that were made later by the monotonic clock; 0: with all.
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
    """A snapshot of the stacks that have changed after the one that had the number ``since``; the fingerprints of all;
    and the ids of those of ``known`` that are gone.

    ``known``: the fingerprints of the last snapshot; ``number``: of this one. ``own``: what the profiler's own stacks
    were like when they were last seen, by id; kept up to date.
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
    """The snapshot of ``sites``. ``left_out``: those of our own among what the engine told; ``own_sites``: all of our
    own; ``is_part``: the process has more stacks."""
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
"""Of stacks that were in a snapshot: whether they are the profiler's own. An id never means another stack."""
_FORGOTTEN_FROM = 10_000


def _apart(sites: list[StackSums], is_part: bool = False) -> tuple[list[StackSums], list[StackSums]]:
    """The stacks of the program, and those of the profiler's own Python code."""
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
    """What our own stacks add up to. Takes them out of ``before``."""
    earlier = sum(before.pop(site[0], (0, 0, 0))[0] for site in sites)
    return OwnMemory(
        live_samples=sum(site[1] for site in sites),
        total_samples=sum(site[9] for site in sites) - earlier,
        fixed=sum(site[3] for site in sites),
        fixed_here=sum(site[3] for site in sites if site[BIRTH] == birth),
    )


def _shortages(stats: Stats, packed: bytes) -> Shortages:
    thinned_rate = stats["thinned_rate"]
    if thinned_rate:  # later samples may be drawn more often than the blocks of before were thinned to
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
    """This process and those that forked it; nothing where there are more of them than the engine knows."""
    processes = tuple(_engine.processes()[: stats["birth"] + 1])
    return Lineage(processes, stats["forked_serial"]) if len(processes) == stats["birth"] + 1 else NO_LINEAGE
