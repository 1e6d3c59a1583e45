"""HeapEstimates: what the heap held at one moment, by site. A snapshot is one, and so is the peak.

sums for each stack ─┬─► of the whole ─► estimates and intervals
                     ├─► of each site ─► top_allocators, print, compare
                     └─► to_pprof ─► pprof.Profile ─► formats ─► the file
"""

from __future__ import annotations

from operator import index

from spprof import formats
from spprof.analysis.diff import change
from spprof.analysis.sites import Site, SiteKey, Sums, key_of, native_beneath, site_frame, your_line
from spprof.records import cached_property
from spprof.results import SiteDifference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from spprof.formats import Target
    from spprof.pprof.profile import Profile
    from spprof.pprof.shortages import Shortages
    from spprof.results import Frame
    from spprof.rows import TopAllocator

StackTotal = tuple[int, Sums]
"""Stack id, and what its samples add up to."""


class HeapEstimates:
    """What the heap held at one moment, by site: a snapshot, or its ``peak``.

    All sizes are estimates from samples unless the rate was 0: an estimate is unbiased, and its interval says how far
    off it may be. Estimates do not change, whatever the program does afterwards, and may be read from any thread.
    """

    if TYPE_CHECKING:
        sampling_rate_bytes: int
        longest_rate_bytes: int
        shortages: Shortages
        _frames_of: Callable[[int], tuple[Frame, ...]]
        _learn: Callable[[Iterable[int]], None]

    @property
    def knows_resident(self) -> bool:
        """Whether it is known how much of what is held is in memory. Of what was live at a peak it is not."""
        return False

    @property
    def _held(self) -> Sequence[StackTotal]:
        """Every stack with a sample."""
        raise NotImplementedError

    @property
    def sample_count(self) -> int:
        """Sampled blocks that were live."""
        return self._whole.samples

    @property
    def estimated_heap_bytes(self) -> int:
        """Estimated live bytes, rounded to whole bytes."""
        return self._whole.value

    @property
    def estimated_heap_objects(self) -> int:
        """Estimated live blocks, rounded to whole blocks."""
        return self._whole.objects

    def heap_bytes_interval(self, confidence: float = 0.95) -> tuple[int, int]:
        """(low, high): where the live bytes lie with probability ``confidence``, in bytes, rounded outwards.

        The low end is never less than the sampled blocks themselves. The high end leaves room for blocks of which
        none was sampled: without any sample, the interval is [0, -ln((1-confidence)/2) * sampling_rate_bytes], that
        is [0, 3.69 rates] at 95 %, of the longest rate that was in force. With every allocation sampled both ends are
        exact. The formula is ``spprof.estimate``'s; docs/sampling.md derives it.

        ValueError unless 0 < confidence < 1.
        """
        rate = max(self.sampling_rate_bytes, self.longest_rate_bytes, self.shortages.thinned_rate)
        return self._whole.heap_interval(rate, self.shortages.lost_bytes, confidence)

    def top_allocators(self, n: int = 10) -> list[TopAllocator]:
        """The ``n`` sites that hold the most live bytes, largest first.

        A site is the innermost Python frame: function, file and line. Where a stack has none, it is the innermost
        native frame, or ``"<native>"`` where nothing is known. Each row is a dict: ``function``, ``file``, ``line``,
        ``estimated_bytes``, ``estimated_objects``, ``sample_count``, ``low_bytes`` and ``high_bytes`` (95 % interval
        of the bytes), ``native_function`` (what allocated beneath that line, or None), ``resident_bytes`` (how much of
        them is in memory, or None). A site without live samples is not listed.

        TypeError if ``n`` is not an integer, ValueError if it is negative.
        """
        count = checked_count(n)
        return [_row(key, site, self.knows_resident) for key, site in self.ranked_sites[:count]]

    def compare(self, earlier: HeapEstimates) -> list[SiteDifference]:
        """What changed since ``earlier``: another peak, a snapshot; largest absolute change of bytes first.

        The two are taken as independent, as two runs are. Of one process they share samples, and the 95 % interval is
        wider than it need be: what is called significant is. (Two snapshots of one process are compared sample by
        sample.) A site that holds the same in both is not listed.

        TypeError if ``earlier`` is not a HeapEstimates.
        """
        if not hasattr(earlier, "live_sites"):  # of a class that was imported anew since, it is one all the same
            raise TypeError(f"compare() takes an earlier HeapEstimates, not {type(earlier).__name__}")
        nothing = Site()
        keys = {**earlier.live_sites, **self.live_sites}
        pairs = [(key, earlier.live_sites.get(key, nothing), self.live_sites.get(key, nothing)) for key in keys]
        differences = [_difference(key, old, new) for key, old, new in pairs if old.fixed != new.fixed]
        return sorted(differences, key=lambda one: (-abs(one.delta_bytes), one.function, one.file, one.line))

    def save(self, path: Target, format: str | None = None, *, source: bool = True) -> None:
        """Write it to ``path``, readable by its owner only (mode 0600).

        ``format``: ``"pprof"``, ``"speedscope"``, ``"collapsed"`` or ``"html"``; None takes it from the suffix:
        ``.pb.gz`` is pprof, ``.json`` is speedscope, ``.collapsed`` and ``.txt`` are collapsed, ``.html`` is html, a
        page for any browser. The file is written aside and renamed, so that a failure leaves what was there before;
        a FIFO or a device is written directly. ``path`` may be a binary file object, too; None means pprof there. A
        snapshot's file holds what is live, what was ever allocated and the peak; a peak's file lacks what is live.
        ``source``: whether html has source lines around the largest sites.

        ValueError: unknown format, or None and an unknown suffix. OSError: the file cannot be written.
        """
        known_format = formats.format_for(path, format)
        formats.save(self.to_pprof(), path, known_format, with_source=source)

    # ---- for the package's own use

    def to_pprof(self) -> Profile:
        """The profile that a pprof file of it holds."""
        raise NotImplementedError

    @cached_property
    def live_sites(self) -> dict[SiteKey, Site]:
        """Every site that has a live sample."""
        self._learn(stack_id for stack_id, _ in self._held)
        sites: dict[SiteKey, Site] = {}
        for stack_id, sums in self._held:
            frames = self._frames_of(stack_id)
            site = sites.setdefault(key_of(site_frame(frames)), Site())
            site.add_stack(native_beneath(frames), your_line(frames), sums)
        return sites

    @cached_property
    def has_python(self) -> bool:
        """Whether any live stack has a Python frame."""
        self._learn(stack_id for stack_id, _ in self._held)
        return any(frame.is_python for stack_id, _ in self._held for frame in self._frames_of(stack_id))

    @cached_property
    def ranked_sites(self) -> list[tuple[SiteKey, Site]]:
        """The live sites, most bytes first, then by name."""
        return sorted(self.live_sites.items(), key=lambda item: (-item[1].fixed, item[0]))

    @property
    def absent_bytes(self) -> int:
        """What of the estimate is known not to be in memory."""
        return self._whole.value - self._whole.resident

    @cached_property
    def _whole(self) -> Sums:
        whole = Sums()
        for _, sums in self._held:
            whole.add(sums)
        return whole


def _difference(key: SiteKey, old: Site, new: Site) -> SiteDifference:
    found = change(old, new)
    low, high = found.interval or (found.delta, found.delta)
    return SiteDifference(
        function=key.function,
        file=key.file,
        line=key.line,
        delta_bytes=found.delta,
        low_bytes=low,
        high_bytes=high,
        delta_objects=new.objects - old.objects,
        significant=bool(found.is_significant),
        old_bytes=found.old,
        new_bytes=found.new,
    )


def checked_count(n: int) -> int:
    """A number of rows. TypeError, ValueError: it is none."""
    count = index(n)
    if count < 0:
        raise ValueError(f"n must be 0 or more, not {count}")
    return count


def _row(key: SiteKey, site: Site, knows_resident: bool) -> TopAllocator:
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
        "resident_bytes": site.resident if knows_resident else None,
    }
