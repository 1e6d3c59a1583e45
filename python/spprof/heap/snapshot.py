"""HeapSnapshot: the live samples at one moment, and what a user does with them.

samples ─► sums ─► estimates, intervals, top_allocators, print
   ├─► compare: what changed since an earlier snapshot
   └─► to_pprof ─► pprof.Profile ─► formats ─► the file      (report ─► the page in a notebook)
"""

from __future__ import annotations

import operator
import os
import time

from spprof import _engine, formats
from spprof.analysis.sites import rounded
from spprof.heap import compare, text
from spprof.heap.samples import BIRTH, RATE, SAMPLE, STACK_WORD, HeapSamples, OwnMemory
from spprof.heap.to_pprof import profile_of
from spprof.pprof.processes import NO_LINEAGE, Lineage
from spprof.pprof.shortages import Shortages, dropped_of
from spprof.records import dataclass
from spprof.report.notebook import iframe
from spprof.reserve import with_reserve
from spprof.symbolize.own_code import is_own
from spprof.symbolize.stacks import KeptStacks
from spprof.text import sampling_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from spprof._engine import Site as StackSums
    from spprof._engine import Stats
    from spprof.analysis.sites import Site, SiteKey
    from spprof.heap.samples import Allocated
    from spprof.pprof.profile import Profile
    from spprof.results import SiteDifference
    from spprof.rows import TopAllocator


@dataclass(frozen=True, eq=False, repr=False)
class HeapSnapshot(HeapSamples):
    """The sampled blocks that were live at one moment. ``spprof.memprof.get_snapshot()`` makes it.

    All sizes are estimates from samples unless the rate was 0: an estimate is unbiased, and its interval says how far
    off it may be. A snapshot does not change, whatever the program does afterwards, and may be read from any thread.
    """

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

    def compare(self, earlier: HeapSnapshot) -> list[SiteDifference]:
        """What changed since ``earlier``, a snapshot of the same process: largest absolute change of bytes first.

        Only the samples that one of the two snapshots holds and the other does not make the difference, and the
        width of its 95 % interval: what lived through both cancels exactly. A site where no sample came or went is
        not listed.

        TypeError if ``earlier`` is not a HeapSnapshot.
        """
        return compare.compare(earlier, self)

    def save(self, path: str | bytes | os.PathLike[str] | os.PathLike[bytes], format: str | None = None) -> None:
        """Write the snapshot to ``path``, readable by its owner only (mode 0600).

        ``format``: ``"pprof"``, ``"speedscope"``, ``"collapsed"`` or ``"html"``; None takes it from the suffix:
        ``.pb.gz`` is pprof, ``.json`` is speedscope, ``.collapsed`` and ``.txt`` are collapsed, ``.html`` is html, a
        page for any browser. The file is written aside and renamed, so that a failure leaves what was there before;
        a FIFO or a device is written directly.

        ValueError: unknown format, or None and an unknown suffix. OSError: the file cannot be written.
        """
        self.save_with_notes(path, format)

    def save_with_notes(
        self,
        path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
        format: str | None,
        notes: dict[str, str] | None = None,
    ) -> None:
        """The same for the package's own use: ``notes`` become comments."""
        known_format = formats.format_of(os.fsdecode(path), format)
        formats.save(self.to_pprof(notes), path, known_format)

    def to_pprof(self, notes: dict[str, str] | None = None) -> Profile:
        """Return the snapshot as the profile that a pprof file holds. ``notes`` become comments."""
        return with_reserve(profile_of, self, notes)

    def __str__(self) -> str:
        """A table of the ten top sites with their intervals, and the total."""
        return with_reserve(text.render, self)

    def __repr__(self) -> str:
        low, high = self.heap_bytes_interval()
        return (
            f"<HeapSnapshot: {self.estimated_heap_bytes} bytes estimated (95 %: {low} to {high}), "
            f"{self.live_samples} live samples, {sampling_text(self.sampling_rate_bytes)}>"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows of it: the page of ``save("….html")`` in a frame."""
        return iframe(self.to_pprof())


def take(after_serial: int = 0, before: Mapping[int, Allocated] | None = None, total_before: int = 0) -> HeapSnapshot:
    """Take a snapshot of the samples that came after ``after_serial``.

    ``before`` and ``total_before``: what each stack had allocated, and the number of samples, when that was the last
    serial; both are left out of the totals.
    """
    return with_reserve(_take, after_serial, before, total_before)


def _take(after_serial: int, before: Mapping[int, Allocated] | None, total_before: int) -> HeapSnapshot:
    packed, every_site, stats, wall_minus_monotonic_ns = _engine.snapshot(after_serial)
    sites, own_sites = _apart(every_site)
    packed = _without(packed, {site[0] for site in own_sites if site[1]})
    before = dict(before or {})
    own = _own_memory(own_sites, before, stats["birth"])
    stacks = KeptStacks({site[0]: (site[0], *site[16:19]) for site in sites})
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
        shortages=_shortages(stats, packed),
        lineage=_lineage(stats),
        own=own,
        _frames_of=stacks.frames,
        _native_part=stacks.native_part,
        _learn=stacks.learn,
    )


def _apart(sites: list[StackSums]) -> tuple[list[StackSums], list[StackSums]]:
    """The stacks of the program, and those of the profiler's own Python code."""
    own = {site[0] for site in sites if is_own(site[16])}
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


def _without(packed: bytes, own: set[int]) -> bytes:
    """The packed samples without those of these stacks."""
    if not own:
        return packed
    words = SAMPLE.size // 8
    stack_ids = memoryview(packed).cast("Q")[STACK_WORD::words].tolist()
    ends = [number * SAMPLE.size for number, stack_id in enumerate(stack_ids) if stack_id in own]
    begins = [0, *(end + SAMPLE.size for end in ends)]
    return b"".join(packed[begin:end] for begin, end in zip(begins, [*ends, len(packed)]))


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
        dropped=dropped_of(stats["dropped_samples"]),
    )


def _lineage(stats: Stats) -> Lineage:
    """This process and those that forked it; nothing where there are more of them than the engine knows."""
    processes = tuple(_engine.processes()[: stats["birth"] + 1])
    return Lineage(processes, stats["forked_serial"]) if len(processes) == stats["birth"] + 1 else NO_LINEAGE


def _row(key: SiteKey, site: Site) -> TopAllocator:
    low, high = site.interval() or (site.value, site.value)
    return {
        "function": key.function,
        "file": key.file,
        "line": key.line,
        "estimated_bytes": site.value,
        "estimated_objects": site.objects,
        "sample_count": site.samples,
        "low_bytes": low,
        "high_bytes": high,
        "native_function": site.native_function,
    }
