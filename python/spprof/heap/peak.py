"""HeapPeak: what the heap held when it was largest, by site.

sums for each stack ─► estimates (as of a snapshot)
                   └─► a profile of the peak alone: a sample for each stack, with its moments
"""

from __future__ import annotations

from spprof import _engine
from spprof.analysis.sample_weights import EVERY_ALLOCATION
from spprof.analysis.sites import Sums
from spprof.heap import text
from spprof.heap.estimates import HeapEstimates
from spprof.heap.to_pprof import PERIOD_TYPE, comments, rounded_columns
from spprof.pprof.locations import Locations, by_callers
from spprof.pprof.mappings import Mappings
from spprof.pprof.profile import PEAK_SPACE, PEAK_TYPES, Moments, Profile, Sample
from spprof.pprof.shortages import NO_SHORTAGE, Shortages
from spprof.records import dataclass
from spprof.reserve import with_reserve
from spprof.symbolize.stacks import learn, stack_frames
from spprof.text import sampling_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from spprof.heap.estimates import StackTotal
    from spprof.results import Frame


@dataclass(frozen=True, eq=False, repr=False)
class HeapPeak(HeapEstimates):
    """The heap when it was largest. ``HeapSnapshot.peak`` is one."""

    _totals: Sequence[StackTotal]
    sampling_rate_bytes: int
    """Mean bytes between samples, the latest; 0 = every allocation."""
    timestamp_ns: int
    """When the snapshot was taken that it is of: wall clock, nanoseconds since the epoch."""
    shortages: Shortages = NO_SHORTAGE
    _frames_of: Callable[[int], tuple[Frame, ...]] = stack_frames
    _learn: Callable[[Iterable[int]], None] = learn

    @property
    def _held(self) -> Sequence[StackTotal]:
        return self._totals

    def to_pprof(self) -> Profile:
        """The profile of the peak alone: the sample types ``peak_objects`` and ``peak_space``."""
        return with_reserve(_profile_of, self)

    def named_totals(self) -> Iterator[tuple[tuple[Frame, ...], Sums]]:
        """The frames of every stack that held something, leaf first, and what it held."""
        self._learn(stack_id for stack_id, _ in self._totals)
        return ((self._frames_of(stack_id), sums) for stack_id, sums in self._totals)

    def __str__(self) -> str:
        """A table of the ten top sites with their intervals, and the total."""
        return text.render_peak(self)

    def __repr__(self) -> str:
        low, high = self.heap_bytes_interval()
        return (
            f"<HeapPeak: {self.estimated_heap_bytes} bytes estimated (95 %: {low} to {high}), "
            f"{self.sample_count} samples, {sampling_text(self.sampling_rate_bytes)}>"
        )


def _profile_of(peak: HeapPeak) -> Profile:
    mappings = Mappings(_engine.modules())
    locations = Locations(mappings)
    by_stack: dict[int, Sums] = {}
    for frames, sums in peak.named_totals():
        by_stack.setdefault(locations.stack_number(frames), Sums()).add(sums)
    columns = rounded_columns((sums.fixed, sums.fixed_objects) for sums in by_stack.values())
    rows = {
        number: Sample(locations.stacks[number], values, moments=_moments(sums))
        for (number, sums), values in zip(by_stack.items(), columns)
    }
    return Profile(
        sample_types=PEAK_TYPES,
        locations=locations.rows,
        samples=[rows[number] for number in by_callers(locations.stacks)],
        mappings=mappings.rows,
        default_type=PEAK_SPACE.type,
        period_type=PERIOD_TYPE,
        period=peak.sampling_rate_bytes or EVERY_ALLOCATION,
        time_ns=peak.timestamp_ns,
        comments=comments(peak.shortages.comments().items()),
    )


def _moments(sums: Sums) -> Moments:
    return Moments(sums.samples, sums.seen, sums.variance, sums.skewness)
