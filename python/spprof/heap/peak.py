"""HeapPeak: the heap at its largest size, by site.

sums for each stack ─► estimates (as for a snapshot)
the snapshot's profile ─► the file, without the live columns
"""

from __future__ import annotations

from spprof.heap.estimates import HeapEstimates
from spprof.on_demand import module
from spprof.pprof.shortages import NO_SHORTAGE, Shortages
from spprof.records import dataclass
from spprof.reserve import with_reserve
from spprof.symbolize.stacks import learn, stack_frames
from spprof.text import sampling_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from spprof.heap import text
    from spprof.heap.estimates import StackTotal
    from spprof.pprof.profile import Profile
    from spprof.results import Frame
else:
    text = module("spprof.heap.text")


@dataclass(frozen=True, eq=False, repr=False)
class HeapPeak(HeapEstimates):
    """The heap at its largest. ``HeapSnapshot.peak`` is an instance.

    On average, the highest of many estimates is too high. If blocks were replaced by others, so that there were many
    estimates to choose from, the low ends of the intervals are lowered accordingly (docs/sampling.md, "The peak").
    """

    _totals: Sequence[StackTotal]
    sampling_rate_bytes: int
    """The latest sampling interval: mean bytes between samples; 0 = every allocation."""
    _profile: Callable[[], Profile]
    longest_rate_bytes: int = 0
    """The longest sampling interval up to the peak: mean bytes between samples."""
    shortages: Shortages = NO_SHORTAGE
    _frames_of: Callable[[int], tuple[Frame, ...]] = stack_frames
    _learn: Callable[[Iterable[int]], None] = learn

    @property
    def _held(self) -> Sequence[StackTotal]:
        return self._totals

    def to_pprof(self) -> Profile:
        """Return the profile of what was live at the peak and of what was ever allocated."""
        return with_reserve(self._profile)

    def __str__(self) -> str:
        """Return a table of the top ten sites with their intervals, and the total."""
        return text.render_peak(self)

    def __repr__(self) -> str:
        low, high = self.heap_bytes_interval()
        return (
            f"<HeapPeak: {self.estimated_heap_bytes} bytes estimated (95 %: {low} to {high}), "
            f"{self.sample_count} samples, {sampling_text(self.sampling_rate_bytes)}>"
        )
