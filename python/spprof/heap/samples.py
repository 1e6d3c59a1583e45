"""HeapSamples: the live samples at one point in time, and their sums.

    engine ─► packed samples (48 bytes each) ─► records, samples             built when first requested
          └─► sums for each stack ────────────► sums of the whole and of each site ─► estimates and intervals

Taking the samples does no work per sample in Python; costly results are computed on first access, and kept.
``HeapSnapshot`` adds the operations that users need.
"""

from __future__ import annotations

import struct

from spprof import _engine
from spprof.analysis import estimate
from spprof.analysis.notes import Notes, is_notable
from spprof.analysis.sample_weights import absent_of, weight
from spprof.analysis.sites import SiteKey, Sums, key_of, rounded, site_frame
from spprof.heap.estimates import HeapEstimates
from spprof.heap.mapped import NOT_KNOWN
from spprof.heap.unwind_quality import judge
from spprof.pprof.processes import NO_LINEAGE, Lineage
from spprof.pprof.shortages import NO_SHORTAGE, Shortages
from spprof.records import NamedTuple, cached_property, dataclass, field
from spprof.results import AllocationSample, Frame, FramePointerHealth, MemoryPool
from spprof.symbolize.stacks import learn, native_part, stack_frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Final

    from spprof._engine import NativePart
    from spprof._engine import Site as StackSums
    from spprof.heap.mapped import MappedMemory

SAMPLE = struct.Struct(_engine.SAMPLE_FORMAT)
ADDRESS, SIZE, TIME, SERIAL, RATE, THREAD, STACK_ID = range(7)
"""The fields of a record."""

BIRTH: Final = 15
"""Index, in the sums of a stack, of the number of the process in which its samples were taken."""

PEAK_RECORD = struct.Struct(_engine.PEAK_FORMAT)
PEAK: Final = 1
PEAK_OF_WINDOW: Final = 7
"""Indexes, in a record, of the six sums of its stack: at the peak since the first start, and at the peak since
``reset_peak()``.
"""

PeakSums = tuple[int, int, int, int, float, float]
"""Samples, bytes of the sampled blocks, estimated bytes and objects (fixed-point), V and S: as ``Sums`` takes them."""

SiteTotals = tuple[int, int, int, int, int]
"""Stack id; live bytes and objects; bytes and objects ever allocated. Bytes in 1/BYTES_ONE, objects in 1/OBJECTS_ONE.
"""


RESIDENT_RECORD = struct.Struct(_engine.RESIDENT_FORMAT)

Allocated = tuple[int, int, int]
"""Samples taken so far at a stack, and the bytes and objects that they stood for, fixed-point."""

_NOTHING: Allocated = (0, 0, 0)


class OwnMemory(NamedTuple):
    """The samples of the profiler's own Python code. A snapshot leaves them out."""

    live_samples: int = 0
    total_samples: int = 0
    fixed: int = 0
    """Estimated live bytes, in 1/BYTES_ONE."""
    fixed_here: int = 0
    """The part of ``fixed`` that was allocated by this process rather than by an ancestor by fork."""


NO_OWN_MEMORY = OwnMemory()


@dataclass(frozen=True, eq=False, repr=False)
class HeapSamples(HeapEstimates):
    """The sampled blocks that were live at one point in time."""

    live_samples: int
    """Number of sampled blocks that were live."""
    total_samples: int
    """Samples kept so far, including freed ones; for a ``MemoryProfiler``, only those kept inside its block."""
    sampling_rate_bytes: int
    """The latest sampling interval: mean bytes between samples; 0 = every allocation. Each sample has its own."""
    timestamp_ns: int
    """When the snapshot was taken: wall clock, nanoseconds since the epoch, like ``time.time_ns()``."""
    _highest_bytes: int
    _packed: bytes
    _sites: Sequence[StackSums]
    _wall_minus_monotonic_ns: int
    _before: Mapping[int, Allocated] = field(default_factory=dict)
    """The allocations at each stack before the period that the snapshot covers."""
    longest_rate_bytes: int = 0
    """The longest sampling interval so far, in mean bytes between samples. Blocks that were missed at this interval may
    be live.
    """
    shortages: Shortages = NO_SHORTAGE
    lineage: Lineage = NO_LINEAGE
    own: OwnMemory = NO_OWN_MEMORY
    pools: tuple[MemoryPool, ...] = ()
    """The memory pools of libraries in the whole process, according to the libraries themselves."""
    _peaks: bytes = b""
    """One PEAK_RECORD per stack, including the profiler's own stacks: what was live at the peaks."""
    _peak_of: int = PEAK
    _blocks: bytes | None = None
    """A RESIDENT_RECORD for each large block, including the profiler's own blocks; None: unknown."""
    mapped: MappedMemory | None = None
    """The program's own mappings; None: mappings were not recorded."""
    _frames_of: Callable[[int], tuple[Frame, ...]] = stack_frames
    _native_part: Callable[[int], NativePart] = native_part
    _learn: Callable[[Iterable[int]], None] = learn

    @property
    def monotonic_ns(self) -> int:
        """When the samples were taken, on the clock that their own times use."""
        return self.timestamp_ns - self._wall_minus_monotonic_ns

    # ---- estimates

    @property
    def _held(self) -> Sequence[tuple[int, Sums]]:
        return self._live_totals

    @cached_property
    def _live_totals(self) -> list[tuple[int, Sums]]:
        totals = [(site[0], _live(site)) for site in self._sites if site[1]]
        absent = self._absent_by_stack
        if absent:
            for stack_id, sums in totals:
                sums.absent = absent.get(stack_id, 0)
        return totals

    @cached_property
    def _absent_by_stack(self) -> dict[int, int]:
        """The part of each stack's estimate that is not resident in memory."""
        absent: dict[int, int] = {}
        partly = self.partly_resident
        for record in self.records() if partly else ():
            resident = partly.get(record[SERIAL])
            if resident is not None:
                gone = absent_of(weight(record[SIZE], record[RATE]), record[SIZE], resident)
                absent[record[STACK_ID]] = absent.get(record[STACK_ID], 0) + gone
        return absent

    @property
    def peak_heap_bytes(self) -> int:
        """The highest estimate of live bytes since the first start, in the whole process. It includes the profiler's
        own memory, because the engine updates the estimate continuously and cannot separate the two.
        """
        return max(self._highest_bytes, self.estimated_heap_bytes)

    @property
    def inherited_bytes(self) -> int:
        """Estimated live bytes that were allocated before this process was forked, by one of its ancestors."""
        last = len(self.lineage.processes) - 1
        if last <= 0:
            return 0
        return rounded(sum(site[3] for site in self._sites if site[BIRTH] < last), _engine.BYTES_ONE)

    @property
    def profiler_bytes(self) -> int:
        """Estimated live bytes that the profiler's own Python code has allocated in this process. Apart from the peak,
        no other number of the snapshot includes them.
        """
        return rounded(self.own.fixed_here, _engine.BYTES_ONE)

    # ---- samples and quality

    @cached_property
    def samples(self) -> tuple[AllocationSample, ...]:
        """The live samples in order of allocation, one object per sample. Built on first access."""
        self._learn(site[0] for site in self._sites if site[1])
        weights: dict[tuple[int, int], tuple[float, float, float]] = {}
        offset = self._wall_minus_monotonic_ns
        built = []
        resident = self.resident_by_serial.get
        for address, size, time_ns, serial, rate, thread, stack_id in sorted(self.records(), key=_by_serial):
            weight = weights.get((size, rate)) or weights.setdefault((size, rate), estimate.weigh(size, rate))
            stack, made = self._frames_of(stack_id), time_ns + offset
            sample = AllocationSample(address, size, weight[1], weight[2], rate, made, thread, stack, resident(serial))
            built.append(sample)
        return tuple(built)

    @property
    def frame_pointer_health(self) -> FramePointerHealth:
        """The reliability of native stacks: how many of the stacks of all samples taken are complete."""
        before = self._before_by_stack
        return judge([(self._native_part(site[0]), site[9] - before.get(site[0], _NOTHING)[0]) for site in self._sites])

    # ---- for the package's own use

    @property
    def notes(self) -> Notes:
        """The facts that a reader needs in addition to the numbers."""
        absent = self.absent_bytes if is_notable(self.absent_bytes, self.estimated_heap_bytes) else 0
        return Notes(self.inherited_bytes, False, self.profiler_bytes, self.shortages, absent, self.pools)

    @property
    def by_serial(self) -> HeapSamples:
        """The samples themselves, each identified by its serial number."""
        return self

    def records(self) -> Iterator[tuple[int, ...]]:
        """Yield the live samples in the engine's packed form, in no particular order: address, size, time_ns, serial,
        rate, thread, stack_id.
        """
        return SAMPLE.iter_unpack(self._packed)

    @cached_property
    def knows_resident(self) -> bool:
        """True if the resident sizes of all large blocks and mappings are known."""
        if self._blocks is None or not (self.mapped is None or self.mapped.is_resident_known):
            return False
        return all(resident != NOT_KNOWN for _, resident, _ in RESIDENT_RECORD.iter_unpack(self._blocks))

    @cached_property
    def partly_resident(self) -> dict[int, int]:
        """Resident bytes, keyed by serial number, of blocks that are not entirely in memory. Empty unless all resident
        sizes are known.
        """
        if not self.knows_resident:
            return {}
        resident = self.resident_by_serial.get
        found = ((one[SERIAL], one[SIZE], resident(one[SERIAL])) for one in self.records())
        return {serial: known for serial, size, known in found if known is not None and known < size}

    @cached_property
    def resident_by_serial(self) -> dict[int, int]:
        """Resident bytes, keyed by serial number, of each large block for which they are known."""
        records = RESIDENT_RECORD.iter_unpack(self._blocks or b"")
        return {serial: resident for serial, resident, _ in records if resident != NOT_KNOWN}

    def frames(self, stack_id: int) -> tuple[Frame, ...]:
        """Return the frames of a stack, leaf first, never empty."""
        return self._frames_of(stack_id)

    def site_totals(self) -> list[SiteTotals]:
        """Return this snapshot's totals for each stack that has any sample. As a side effect, the names of all these
        stacks become known.
        """
        self._learn(site[0] for site in self._sites)
        before = self._before_by_stack
        totals = []
        for site in self._sites:
            _, earlier_bytes, earlier_objects = before.get(site[0], _NOTHING)
            totals.append((site[0], site[3], site[4], site[10] - earlier_bytes, site[11] - earlier_objects))
        return totals

    def peak_totals(self, begin: int | None = None) -> list[tuple[int, PeakSums]]:
        """Return the sums of each stack at a peak. Only stacks that held anything are included.

        ``begin``: PEAK or PEAK_OF_WINDOW; None: the peak of the period that this snapshot covers.
        """
        begin = self._peak_of if begin is None else begin
        end = begin + 6
        known = {site[0] for site in self._sites}
        records = PEAK_RECORD.iter_unpack(self._peaks)
        return [(record[0], record[begin:end]) for record in records if record[begin] and record[0] in known]

    def births(self) -> dict[int, int]:
        """Return, for each stack, the number of the process in which its samples were taken. Empty if no other process
        can hold them. Stacks that stand for many others are left out.
        """
        if not self.lineage.has_relatives:
            return {}
        return {site[0]: site[BIRTH] for site in self._sites if site[0] != _engine.STACKS_EVICTED}

    def site_key(self, stack_id: int) -> SiteKey:
        """Return the site of a live sample's stack."""
        return self._site_keys[stack_id]

    @cached_property
    def _site_keys(self) -> dict[int, SiteKey]:
        live = [site[0] for site in self._sites if site[1]]
        self._learn(live)
        frames = [site_frame(self._frames_of(stack_id)) for stack_id in live]
        return {stack_id: key_of(frame) for stack_id, frame in zip(live, frames)}

    @cached_property
    def _before_by_stack(self) -> dict[int, Allocated]:
        """Return ``_before`` for the stacks that are listed now. If a stack has left the table in the meantime, its
        allocations now belong to ``STACKS_EVICTED``.
        """
        here = {site[0] for site in self._sites}
        before: dict[int, Allocated] = {}
        for stack_id, (samples, space, objects) in self._before.items():
            place = stack_id if stack_id in here else _engine.STACKS_EVICTED
            known = before.get(place, _NOTHING)
            before[place] = known[0] + samples, known[1] + space, known[2] + objects
        return before


def allocated_by_stack(sites: Iterable[StackSums]) -> dict[int, Allocated]:
    """Return what each stack has allocated so far, without the rest of a snapshot's data."""
    return {site[0]: (site[9], site[10], site[11]) for site in sites}


def _live(record: StackSums) -> Sums:
    """Return the live columns of one stack."""
    return Sums(*record[1:7])


def _by_serial(record: tuple[int, ...]) -> int:
    return record[SERIAL]
