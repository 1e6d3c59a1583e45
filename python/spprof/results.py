"""The plain results that users hold: frames, samples, counters and differences. docs/data-model.md lists them all.

Sizes are in bytes, times in nanoseconds since the epoch (comparable with ``time.time_ns()``). Everything is immutable.
"""

from __future__ import annotations

from spprof.records import NamedTuple, dataclass
from spprof.text import human_bytes, share_text


@dataclass(frozen=True)
class Frame:
    """One frame of a stack.

    A frame that stands for something other than code has a name in angle brackets and line 0: ``<native>`` is a stack
    about which nothing is known, ``<cut>`` the omitted callers of a depth-limited stack.
    """

    function: str
    """Python frame: the qualified name if the interpreter knows it (3.11 and later), else the plain name. Native frame:
    the demangled name; ``libfoo.so+0x1a2b`` if the file names no function, ``0x7f…`` outside of files.
    """
    file: str
    """Python frame: the path as in the code object. Native frame: the source file, or the library if the line is
    unknown.
    """
    line: int
    """1, 2, …; 0 if unknown."""
    address: int
    """Return address of a native frame; 0 for a Python frame."""
    is_python: bool


@dataclass(frozen=True)
class AllocationSample:
    """One sampled block that was live when the snapshot was taken."""

    address: int
    size: int
    """Requested size in bytes."""
    estimated_bytes: float
    """Bytes of the heap that this sample stands for: size / p, where p is its probability of being sampled. Never less
    than ``size``. Not rounded, so that sums stay unbiased.
    """
    estimated_objects: float
    """Blocks of the heap that this sample stands for: 1 / p."""
    sampling_rate_bytes: int
    """Mean bytes between samples when this sample was drawn; 0 = every allocation was sampled."""
    timestamp_ns: int
    """Time of the allocation: wall clock, nanoseconds since the epoch."""
    thread_id: int
    """The kernel's id of the allocating thread (``threading.get_native_id()``)."""
    stack: tuple[Frame, ...]
    """Leaf first, never empty. Samples with the same stack share one tuple."""
    resident_bytes: int | None = None
    """How much of a block of 128 KiB or more was in memory: bytes of its pages that were written to and are not swapped
    out. None for smaller blocks, and if the kernel does not report it (no ``/proc``, or no permission to read it).
    """


@dataclass(frozen=True)
class Mapping:
    """Memory that the program mapped itself, outside its heap: ``mmap``, shared memory, ``numpy.memmap``, or the memory
    of a library that has its own allocator.
    """

    address: int
    size: int
    """Bytes of address space, whole pages. Excludes parts that were unmapped."""
    resident_bytes: int | None
    """How much of it was in memory: bytes of the pages that this process has touched and that are not swapped out. None
    if the kernel does not report it.
    """
    timestamp_ns: int
    """When it was mapped, or last grew: wall clock, nanoseconds since the epoch. 0: before the profiler started."""
    thread_id: int
    """The kernel's id of the thread that mapped it (``threading.get_native_id()``). 0: mapped before the profiler
    started.
    """
    thread_name: str
    """The thread's name in Python, else the kernel's name for it; "" if the thread has ended or is unknown."""
    stack: tuple[Frame, ...]
    """Leaf first, never empty. If the stack has no Python frame, its leaf is a frame that names the library and the
    thread. The only frame of a mapping from before the start is ``<mapped before the start>``, with the file.
    """
    kind: str
    """``"anonymous"``, ``"file"``, or ``"shared"`` for shared memory, named or not."""
    path: str
    """The mapped file, or the name of shared memory (``/dev/shm/…``); "" if there is none."""
    swapped_bytes: int | None = None
    """How much of it was swapped out. None if the kernel does not report it."""
    probability: float = 1.0
    """The probability with which it is listed: 1 for large mappings, less for some of few pages. Each of the latter
    represents 1/p mappings like it.
    """


class ResidentPart(NamedTuple):
    """One part of the process's memory."""

    name: str
    """``python_objects``: Python's small blocks (pymalloc) in use. ``native_blocks``: malloc's blocks in use, including
    Python's larger ones. ``rounding``: the memory that those blocks take beyond the requested sizes, estimated from the
    blocks allocated since the profiler's start; included in the first two if malloc is not glibc's. ``mapped``: what
    the program mapped itself. ``malloc_free``, ``pymalloc_free``: free memory kept by malloc and by Python's pools.
    ``thread_stacks``. ``files``: code and data of mapped files that are in the process's memory. ``profiler``: the
    engine's own memory.
    """
    bytes: int
    """Resident bytes, counted from the process's resident pages."""
    remedy: str | None
    """How to release the memory; None if there is nothing to suggest."""


class UnclaimedMemory(NamedTuple):
    """A region of the process's memory that no part accounts for."""

    name: str
    """Its name in the kernel's list; ``anonymous`` and its permissions if it has none."""
    bytes: int
    """Bytes in memory."""


PART_TEXTS = {
    "python_objects": "Python's small blocks in use (pymalloc)",
    "native_blocks": "malloc's blocks in use, including Python's larger ones",
    "rounding": "overhead of these blocks: rounding and headers, estimated from samples",
    "mapped": "mapped by the program: mmap, shared memory, libraries' own allocators",
    "malloc_free": "free, kept by malloc",
    "pymalloc_free": "free, kept in Python's pools (pymalloc)",
    "thread_stacks": "stacks of all threads",
    "files": "code and data of the program and its libraries",
    "profiler": "the profiler's own tables",
    "unexplained": "RSS minus all parts",
}
"""Descriptions of the parts. A part that is not listed here is shown by its name."""

UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class ResidentMemory:
    """The process's resident memory, part by part. Bytes; None if the kernel does not report a number."""

    rss_bytes: int
    """VmRSS: the pages that are mapped in the process and in memory."""
    pss_bytes: int | None
    """Like ``rss_bytes``, with each shared page divided among the processes that share it. Also None if a region has
    more than 256 MiB in memory: asking would hold up threads that map memory.
    """
    swap_bytes: int
    cgroup_bytes: int | None
    """Memory use of the process's control group: all its processes and the file cache."""
    cgroup_limit_bytes: int | None
    parts: tuple[ResidentPart, ...]
    """The parts, largest first."""
    unexplained_bytes: int
    """``rss_bytes`` minus all parts; negative if parts count pages that are not in memory."""
    returnable_bytes: int = 0
    """Bytes that ``spprof.memprof.trim()`` would release: whole free pages that malloc keeps."""
    lazy_free_bytes: int | None = 0
    """Bytes released with MADV_FREE, as jemalloc does: they stay in memory until the kernel needs the pages. None under
    the same conditions as ``pss_bytes``.
    """
    anonymous_bytes: int = 0
    """The part of ``rss_bytes`` that no file backs."""
    threads: int = 0
    malloc_heaps: int = 0
    """The number of heaps that malloc has created: 1, or more if threads allocate."""
    unclaimed: tuple[UnclaimedMemory, ...] = ()
    """The largest regions that no part accounts for, if more than a tenth of ``anonymous_bytes`` is unexplained."""

    @property
    def is_explained(self) -> bool:
        """True if at most a tenth of the anonymous memory is unexplained or counted twice."""
        return abs(self.unexplained_bytes) * 10 <= self.anonymous_bytes

    def part(self, name: str) -> int:
        """Return the bytes of the part ``name``; 0 if there is no such part."""
        return sum(part.bytes for part in self.parts if part.name == name)

    def __str__(self) -> str:
        """Return the parts as text, one line each, with their remedies."""
        return "\n".join([self.headline(), *self.rows(), *self.sentences()])

    def document(self) -> dict[str, object]:
        """Return the whole report as a document for JSON."""
        return {
            "rss": self.rss_bytes,
            "pss": self.pss_bytes,
            "swap": self.swap_bytes,
            "cgroup": self.cgroup_bytes,
            "cgroup_limit": self.cgroup_limit_bytes,
            "parts": [{"name": one.name, "bytes": one.bytes, "remedy": one.remedy} for one in self.parts],
            "unexplained": self.unexplained_bytes,
            "returnable": self.returnable_bytes,
            "lazy_free": self.lazy_free_bytes,
            "anonymous": self.anonymous_bytes,
            "threads": self.threads,
            "malloc_heaps": self.malloc_heaps,
            "unclaimed": [{"name": one.name, "bytes": one.bytes} for one in self.unclaimed],
        }

    def headline(self) -> str:
        """Return the totals in one line."""
        told = [
            f"PSS {'not measured' if self.pss_bytes is None else human_bytes(self.pss_bytes)}",
            f"swap {human_bytes(self.swap_bytes)}",
        ]
        if self.cgroup_bytes is not None:
            limit = self.cgroup_limit_bytes
            of = "no limit" if limit is None else f"limit {human_bytes(limit)}"
            told.append(f"control group {human_bytes(self.cgroup_bytes)}, {of}")
        return f"in memory (RSS): {human_bytes(self.rss_bytes)}; {'; '.join(told)}"

    def rows(self) -> list[str]:
        """Return a line for each part that is not empty, with its remedy below, and one for the unexplained rest."""
        lines = []
        for part in self.parts:
            if part.bytes:
                lines.append(self._row(part.name, part.bytes, PART_TEXTS.get(part.name, "")))
                if part.remedy:
                    lines.append(" " * TEXT_AT + part.remedy)
        lines.append(self._row(UNEXPLAINED, self.unexplained_bytes, PART_TEXTS[UNEXPLAINED]))
        return lines

    def _row(self, name: str, size: int, what: str) -> str:
        line = f"{human_bytes(size):>12} {share_text(size, self.rss_bytes):>9}  {name:<{_NAME_WIDTH}}  {what}"
        return line.rstrip()

    def sentences(self) -> list[str]:
        """Return what a reader needs to know besides the parts, one sentence per fact."""
        told = []
        if self.lazy_free_bytes:
            told.append(
                f"{human_bytes(self.lazy_free_bytes)} were released with MADV_FREE: the kernel reclaims these pages "
                f"when memory is short; until then they count as in memory"
            )
        if not self.is_explained:
            told.append(self._known_of_rest())
        return told

    def _known_of_rest(self) -> str:
        if self.unexplained_bytes < 0:
            begin = f"the parts add up to {human_bytes(-self.unexplained_bytes)} more than RSS"
        else:
            begin = f"no part accounts for {human_bytes(self.unexplained_bytes)}"
        found = "".join(f"; {human_bytes(one.bytes)} are in the region {one.name}" for one in self.unclaimed)
        return f"{begin}{found}; the process has {self.threads} threads"


_NAME_WIDTH = max(map(len, PART_TEXTS))
TEXT_AT = 12 + 1 + 9 + 2 + _NAME_WIDTH + 2
"""The column of a row at which the description of the part begins."""


@dataclass(frozen=True)
class MemoryPool:
    """Memory that a library's own allocator has in use, in mappings that cannot be broken down by line."""

    library: str
    """``"arrow"``."""
    allocator: str
    """``"mimalloc"`` or ``"jemalloc"``."""
    bytes: int
    """Bytes in use, according to the library."""


@dataclass(frozen=True)
class FramePointerHealth:
    """How reliable native stacks are, counted over all samples of the snapshot, including freed ones.

    A stack is truncated if unwinding ended before the thread's first frame.
    """

    total_native_stacks: int
    """Samples whose stack has a native part."""
    shallow_stack_warnings: int
    """Truncated stacks with at most one native frame."""
    avg_native_depth: float
    """Mean number of native frames per stack, as recorded, whether they are shown or not."""
    min_native_depth: int
    truncation_rate: float
    """Share of truncated stacks, 0 to 1."""
    confidence: str
    """``"high"`` (less than 5 % truncated), ``"medium"`` (less than 20 %) or ``"low"``. It is also ``"low"`` if there
    are no stacks.
    """
    recommendation: str | None
    """The remedy; None if the confidence is high."""


@dataclass(frozen=True)
class MemProfStats:
    """The profiler's counters at one point in time. All are zero before the first start."""

    total_samples: int
    """Samples kept so far: always ``live_samples + freed_samples``."""
    live_samples: int
    """Samples whose block has not been freed."""
    freed_samples: int
    unique_stacks: int
    """Distinct stacks among all samples kept so far; one that left the table and came back counts again."""
    estimated_heap_bytes: int
    """Estimated live bytes."""
    peak_heap_bytes: int
    """The highest ``estimated_heap_bytes`` since the first start. Like all counters here, it includes the profiler's
    own memory.
    """
    heap_map_load_percent: float
    """Live samples as a percentage of the live table's capacity."""
    sampling_rate_bytes: int
    """The latest sampling interval: mean bytes between samples; 0 = every allocation."""
    native_mode: str
    """How allocations below Python's allocators are followed: ``"preload"``, ``"patch"``, ``"off"``, or on macOS
    ``"logger"`` instead of the first two.
    """
    dropped_samples: dict[str, int]
    """Lost samples by reason. Every reason is listed, with 0 if nothing was lost."""
    collisions: int
    """Samples whose address was still listed as live: a free was missed, so the older sample was ended."""
    evicted_stacks: int = 0
    """Stacks without live samples that left the stack table; one that comes back counts again."""
    folded_bytes: int = 0
    """Estimated bytes allocated so far at those stacks; reports list them under ``<stacks no longer kept>``."""
    unkept_samples: int = 0
    """Samples of new stacks that found the stack table full; reports list them under ``<stacks table full>``."""
    marked_codes: int = 0
    """Samples whose Python frames found the code table full; they are listed as ``<code table full>``."""
    thinned_samples: int = 0
    """Live samples that were dropped because their table was full; other samples represent them. Counted as freed."""
    thinned_rate_bytes: int = 0
    """Minimum of the mean bytes between samples since the table of live samples became full; 0: it was never full."""
    lost_bytes: int = 0
    """Estimated bytes that lost samples stood for: they may be live, and no estimate includes them."""
    unlisted_mappings: int = 0
    """Mappings of the program that found the mapping table full."""
    sampling_budget_percent: float | None = None
    """Percent of one core that samples may cost, from the latest start; None: there is no budget."""
    sampling_cost_ns: int = 0
    """Nanoseconds that samples have cost in starts with a budget; not measured without one."""
    uncovered_objects: tuple[str, ...] = ()
    """Loaded objects whose native allocations patching cannot all follow: they call their own allocator, or their slots
    could not be written.
    """


@dataclass(frozen=True)
class SiteDifference:
    """The change at one site between two snapshots: later minus earlier."""

    function: str
    file: str
    line: int
    delta_bytes: int
    """Change of the estimated live bytes: ``new_bytes - old_bytes``."""
    low_bytes: int
    """Lower end of the 95 % interval of the change."""
    high_bytes: int
    """Upper end of the 95 % interval of the change."""
    delta_objects: int
    """Change of the estimated live blocks."""
    significant: bool
    """True if the interval excludes "no change"."""
    old_bytes: int
    """Estimated live bytes in the earlier snapshot."""
    new_bytes: int
    """Estimated live bytes in the later snapshot."""


@dataclass(frozen=True)
class SiteGrowth:
    """How one site grew over a series of snapshots of one process."""

    function: str
    file: str
    line: int
    bytes_per_second: float | None
    """Slope of the least-squares line through the estimated live bytes. None if there is only one snapshot."""
    low: float | None
    """Lower end of the 95 % interval of the slope."""
    high: float | None
    """Upper end of the 95 % interval of the slope."""
    verdict: str
    """``"growing"``: old blocks accumulate and are not freed. ``"filling"``: they accumulated, but more and more
    slowly. ``"steady"``. ``"unknown"``: there is too little data to decide.
    """
    oldest_seconds: float
    """Age of the oldest sampled block that is live; 0 if none is live at the end."""
    freed_shares: tuple[tuple[float, float], ...]
    """Pairs of an age in seconds and the estimated fraction of bytes freed among the blocks allocated at least that
    long ago. No age exceeds the length of the series.
    """
    samples_to_decide: int | None = None
    """If the verdict is unknown: how many more samples would be enough to decide in 90 of 100 cases."""
    seconds_to_decide: float | None = None
    """If the verdict is unknown, and blocks of the series stayed: how many more seconds would be needed to decide if
    that continues.
    """


# ---- CPU


@dataclass(frozen=True)
class CpuSample:
    """One sample of the CPU profiler: where a thread was, and how much time the sample stands for."""

    timestamp_ns: int
    """Time of the sample: wall clock, nanoseconds since the epoch. For time that no sample covers, the end of the
    profile.
    """
    thread_id: int
    """The kernel's id of the thread (``threading.get_native_id()``); 0 if it stands for no single thread."""
    thread_name: str
    """The thread's name in Python, else the kernel's name for it; "" if it stands for no single thread."""
    weight_ns: int
    """Time that the thread used since its previous sample: CPU time, or wall-clock time in mode ``"wall"``."""
    frames: tuple[Frame, ...]
    """Leaf first, never empty. Samples with the same stack share one tuple."""


@dataclass(frozen=True)
class CpuStack:
    """All samples of one stack. Stacks whose frames have equal functions, files and lines count as one."""

    frames: tuple[Frame, ...]
    """Leaf first, never empty."""
    weight_ns: int
    samples: int
    """0 for time that no sample covers."""


@dataclass(frozen=True)
class CpuThread:
    """A thread that the CPU profiler has seen."""

    thread_id: int
    """The kernel's id (``threading.get_native_id()``)."""
    name: str
    """The thread's name in Python, else the kernel's name for it."""
    samples: int
    weight_ns: int
    """The time that its samples stand for."""
    unsampled_ns: int
    """CPU time of the thread that no sample covers; 0 if the thread has ended."""
    is_blocked: bool
    """True if the thread blocks the profiler's signal, as threads that block all signals do, and so cannot be sampled.
    """


@dataclass(frozen=True)
class CpuStats:
    """The CPU profiler's counters, for the running profile or the last one. All are zero before the first start.

    Times are in nanoseconds.
    """

    is_active: bool
    mode: str
    """``"cpu"`` or ``"wall"``."""
    interval_ms: float
    native: bool
    ticks: str
    """The source of samples: ``"timer"``, one per thread; or, if the system has or permits no timers, ``"thread"``: a
    thread that wakes up every interval and samples all others.
    """
    duration_ns: int
    """Wall-clock time from the start to the stop, or to now."""
    collected_samples: int
    sampled_ns: int
    """The time that the samples stand for."""
    process_ns: int
    """CPU time of the whole process since the start."""
    overhead_ns: int
    """CPU time that taking samples has used; part of ``process_ns``."""
    threads: int
    """Threads seen so far."""
    dropped_samples: dict[str, int]
    """Samples that were not taken, by reason. Every reason is listed. No time is lost, because the thread's next sample
    includes it.
    """

    @property
    def dropped_count(self) -> int:
        """The sum of ``dropped_samples``."""
        return sum(self.dropped_samples.values())

    @property
    def overhead_percent(self) -> float:
        """``overhead_ns`` as a percentage of ``process_ns``."""
        return 100.0 * self.overhead_ns / self.process_ns if self.process_ns else 0.0
