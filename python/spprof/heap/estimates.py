"""HeapEstimates: the heap at one point in time, by site. Snapshots and peaks are HeapEstimates.

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
"""A stack id, and the sums of the stack's samples."""


class HeapEstimates:
    """The heap at one point in time, by site: a snapshot, or its ``peak``.

    All sizes are estimates from samples, unless every allocation was sampled (rate 0). An estimate is unbiased, and its
    interval says how far off it may be. Estimates do not change, whatever the program does afterwards, and may be read
    from any thread.
    """

    if TYPE_CHECKING:
        sampling_rate_bytes: int
        longest_rate_bytes: int
        shortages: Shortages
        _frames_of: Callable[[int], tuple[Frame, ...]]
        _learn: Callable[[Iterable[int]], None]

    @property
    def knows_resident(self) -> bool:
        """True if resident sizes are known. They are unknown for memory that was live at a peak."""
        return False

    @property
    def _held(self) -> Sequence[StackTotal]:
        """Every stack that has a sample, with its sums."""
        raise NotImplementedError

    @property
    def sample_count(self) -> int:
        """Number of sampled blocks that were live."""
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
        """Return (low, high), in bytes, rounded outwards: an interval that contains the live bytes with probability
        ``confidence``.

        The low end is never below the size of the sampled blocks themselves. The high end leaves room for unsampled
        blocks: without any sample, the interval is [0, -ln((1-confidence)/2) * sampling_rate_bytes], that is, [0, 3.69
        rates] at 95 %, for the longest sampling interval that was in force. If every allocation was sampled, both ends
        are exact. ``spprof.estimate`` has the formula; docs/sampling.md derives it.

        ValueError unless 0 < confidence < 1.
        """
        rate = max(self.sampling_rate_bytes, self.longest_rate_bytes, self.shortages.thinned_rate)
        return self._whole.heap_interval(rate, self.shortages.lost_bytes, confidence)

    def top_allocators(self, n: int = 10) -> list[TopAllocator]:
        """Return the ``n`` sites that hold the most live bytes, largest first.

        A site is the innermost Python frame: function, file and line. If a stack has none, the site is the innermost
        native frame, or ``"<native>"`` if nothing is known. Each row is a dict: ``function``, ``file``, ``line``,
        ``estimated_bytes``, ``estimated_objects``, ``sample_count``, ``low_bytes`` and ``high_bytes`` (95 % interval of
        the bytes), ``native_function`` (the native function that allocated beneath that line, or None),
        ``resident_bytes`` (how many of the bytes are in memory, or None). A site without live samples is not listed.

        TypeError if ``n`` is not an integer, ValueError if it is negative.
        """
        count = checked_count(n)
        return [_row(key, site, self.knows_resident) for key, site in self.ranked_sites[:count]]

    def compare(self, earlier: HeapEstimates) -> list[SiteDifference]:
        """Return the change since ``earlier``, another peak or a snapshot: largest absolute change of bytes first.

        The two are treated as independent, like two separate runs. Two snapshots or peaks of one process share samples,
        so the 95 % interval is wider than necessary, but a change that is marked as significant is significant. (Two
        snapshots of one process are compared sample by sample.) A site with the same values in both is not listed.

        TypeError if ``earlier`` is not a HeapEstimates.
        """
        if not hasattr(earlier, "live_sites"):  # not isinstance(): modules may have been imported again
            raise TypeError(f"compare() takes an earlier HeapEstimates, not {type(earlier).__name__}")
        nothing = Site()
        keys = {**earlier.live_sites, **self.live_sites}
        pairs = [(key, earlier.live_sites.get(key, nothing), self.live_sites.get(key, nothing)) for key in keys]
        differences = [_difference(key, old, new) for key, old, new in pairs if old.fixed != new.fixed]
        return sorted(differences, key=lambda one: (-abs(one.delta_bytes), one.function, one.file, one.line))

    def save(self, path: Target, format: str | None = None, *, source: bool = True) -> None:
        """Write the estimates to ``path``, readable by their owner only (mode 0600).

        ``format``: ``"pprof"``, ``"speedscope"``, ``"collapsed"`` or ``"html"``. None derives it from the suffix:
        ``.pb.gz`` is pprof, ``.json`` is speedscope, ``.collapsed`` and ``.txt`` are collapsed, ``.html`` is html, a
        page for any browser. The file is written under a temporary name and then renamed, so a failure leaves the
        previous file in place; a FIFO or a device is written directly. ``path`` may also be a binary file object, for
        which None means pprof. The file for a snapshot holds live memory, everything allocated so far, and the peak;
        the file for a peak does not contain live memory. ``source``: if true, html includes source lines around the
        largest sites.

        ValueError: unknown format, or None with an unknown suffix. OSError: the file cannot be written.
        """
        known_format = formats.format_for(path, format)
        formats.save(self.to_pprof(), path, known_format, with_source=source)

    # ---- for the package's own use

    def to_pprof(self) -> Profile:
        """Return the profile that the pprof file contains."""
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
        """True if any live stack has a Python frame."""
        self._learn(stack_id for stack_id, _ in self._held)
        return any(frame.is_python for stack_id, _ in self._held for frame in self._frames_of(stack_id))

    @cached_property
    def ranked_sites(self) -> list[tuple[SiteKey, Site]]:
        """The live sites, most bytes first, then by name."""
        return sorted(self.live_sites.items(), key=lambda item: (-item[1].fixed, item[0]))

    @property
    def absent_bytes(self) -> int:
        """Estimated bytes that are known not to be in memory."""
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
    """Return ``n`` as a number of rows. TypeError if it is not an integer, ValueError if it is negative."""
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
