"""The plain results that people hold: frames, samples, counters and differences. docs/data-model.md lists them all.

Sizes are in bytes, times in nanoseconds since the epoch (comparable with ``time.time_ns()``). Everything is immutable.
"""

from __future__ import annotations

from spprof.records import NamedTuple, dataclass
from spprof.text import human_bytes, share_text


@dataclass(frozen=True)
class Frame:
    """One line of a stack.

    A frame that stands for something other than code has a name in angle brackets and line 0: ``<native>`` is a stack
    of which nothing is known, ``<cut>`` the callers of a stack too deep to be kept whole.
    """

    function: str
    """Of Python: the qualified name where the interpreter knows it (3.11 and later), else the plain name. Native: the
    name as a person writes it; ``libfoo.so+0x1a2b`` where the file names no function, ``0x7f…`` outside of files."""
    file: str
    """Of Python: the path as the code object has it. Native: the source file, or the library where no line is known."""
    line: int
    """1, 2, …; 0 where there is none."""
    address: int
    """Return address of a native frame, 0 for a Python one."""
    is_python: bool


@dataclass(frozen=True)
class AllocationSample:
    """One sampled block that was live when the snapshot was taken."""

    address: int
    size: int
    """Bytes the program asked for."""
    estimated_bytes: float
    """Bytes of the heap that this sample stands for: size / p, p its probability of being sampled. Never less than
    ``size``. Not rounded, so that sums are not biased."""
    estimated_objects: float
    """Blocks of the heap that this sample stands for: 1 / p."""
    sampling_rate_bytes: int
    """Mean bytes between samples under which it was drawn; 0 = every allocation was sampled."""
    timestamp_ns: int
    """When it was allocated: wall clock, nanoseconds since the epoch."""
    thread_id: int
    """The kernel's id of the allocating thread (``threading.get_native_id()``)."""
    stack: tuple[Frame, ...]
    """Leaf first, never empty. Samples of one stack share one tuple."""
    resident_bytes: int | None = None
    """How much of a block of 128 KiB or more was in memory: bytes of its pages that were written to and are not in the
    swap. None for smaller blocks, and where the kernel does not tell (no ``/proc``, or no right to read it)."""


@dataclass(frozen=True)
class Mapping:
    """Memory that the program mapped itself, beside its heap: ``mmap``, shared memory, ``numpy.memmap``, the memory of
    a library that has an allocator of its own."""

    address: int
    size: int
    """Bytes of address space, whole pages. A part that was unmapped is not in it."""
    resident_bytes: int | None
    """How much of it was in memory: bytes of the pages that this process has touched and that are not in the swap. None
    where the kernel does not tell."""
    timestamp_ns: int
    """When it was mapped, or last grew: wall clock, nanoseconds since the epoch. 0: before the start."""
    thread_id: int
    """The kernel's id of the thread that mapped it (``threading.get_native_id()``). 0: before the start."""
    thread_name: str
    """The name that Python gives the thread, else the kernel's; "" where it has ended, or is not known."""
    stack: tuple[Frame, ...]
    """Leaf first, never empty. Where no Python frame is in it, the leaf is a frame that names the library and the
    thread; of a mapping from before the start the only frame is ``<mapped before the start>``, with the file."""
    kind: str
    """``"anonymous"``, ``"file"``, or ``"shared"``: shared memory, with a name or without."""
    path: str
    """The file that is mapped, or the name of shared memory (``/dev/shm/…``); "" where there is none."""
    swapped_bytes: int | None = None
    """How much of it was in the swap. None where the kernel does not tell."""
    probability: float = 1.0
    """With which it is listed: 1 for large ones, less for some of few pages, of which each stands for 1/p like it."""


class ResidentPart(NamedTuple):
    """A part of the process's memory."""

    name: str
    """``python_objects``: small blocks of Python's (pymalloc) that are in use. ``native_blocks``: blocks of malloc that
    are in use, Python's larger ones among them. ``rounding``: what those blocks take beyond what was asked for,
    estimated of those that were allocated since the profiler's start; part of the two where malloc is not
    glibc's. ``mapped``: what the program mapped
    itself. ``malloc_free``, ``pymalloc_free``: free and kept by malloc and by Python's pools. ``thread_stacks``.
    ``files``: code and data of files, as far as they are in the process's memory. ``profiler``: the engine's own."""
    bytes: int
    """In memory: of the pages that the process has."""
    remedy: str | None
    """What gives it back; None: nothing is to be said."""


class UnclaimedMemory(NamedTuple):
    """A region of the process's memory that no part claims."""

    name: str
    """As the kernel lists it; ``anonymous`` and its permissions where it has no name."""
    bytes: int
    """In memory."""


PART_TEXTS = {
    "python_objects": "Python's small blocks in use (pymalloc)",
    "native_blocks": "malloc's blocks in use, Python's larger ones among them",
    "rounding": "more than these blocks asked for: rounding and headers, by samples",
    "mapped": "mapped by the program: mmap, shared memory, libraries' own allocators",
    "malloc_free": "free, kept by malloc",
    "pymalloc_free": "free, kept in Python's pools (pymalloc)",
    "thread_stacks": "stacks of threads",
    "files": "code and data of the program and its libraries",
    "profiler": "the profiler's own tables",
    "unexplained": "RSS less all parts",
}
"""What the parts are, for people; a part that is not listed is called by its name."""

UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class ResidentMemory:
    """What of the process is in memory, part by part. Bytes; None where the kernel does not tell."""

    rss_bytes: int
    """VmRSS: the pages that are mapped in the process and in memory."""
    pss_bytes: int | None
    """The same, with each page that several processes share divided among them. None, too, where a region has more than
    256 MiB in memory: asking would hold up threads that map memory."""
    swap_bytes: int
    cgroup_bytes: int | None
    """What the process's control group uses, of all its processes and with the cache of files."""
    cgroup_limit_bytes: int | None
    parts: tuple[ResidentPart, ...]
    """The largest first."""
    unexplained_bytes: int
    """``rss_bytes`` less all parts; below 0 where parts count pages that are not in memory."""
    returnable_bytes: int = 0
    """What ``spprof.memprof.trim()`` would give back: whole pages that malloc keeps free."""
    lazy_free_bytes: int | None = 0
    """Given up with MADV_FREE, as jemalloc does: in memory until the kernel needs the pages. None as ``pss_bytes``."""
    anonymous_bytes: int = 0
    """What of ``rss_bytes`` is of no file."""
    threads: int = 0
    malloc_heaps: int = 0
    """How many malloc has made: one, and more where threads allocate."""
    unclaimed: tuple[UnclaimedMemory, ...] = ()
    """Where more is unexplained than a tenth of ``anonymous_bytes``: the largest regions that no part claims."""

    @property
    def is_explained(self) -> bool:
        """Whether what is unexplained, or counted too often, is at most a tenth of the anonymous memory."""
        return abs(self.unexplained_bytes) * 10 <= self.anonymous_bytes

    def part(self, name: str) -> int:
        """The bytes of a part; 0 where there is none of that name."""
        return sum(part.bytes for part in self.parts if part.name == name)

    def __str__(self) -> str:
        """A line for each part, with what gives it back."""
        return "\n".join([self.headline(), *self.rows(), *self.sentences()])

    def document(self) -> dict[str, object]:
        """The same as JSON."""
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
        """The whole in one line."""
        told = [
            f"PSS {'not asked for' if self.pss_bytes is None else human_bytes(self.pss_bytes)}",
            f"swap {human_bytes(self.swap_bytes)}",
        ]
        if self.cgroup_bytes is not None:
            limit = self.cgroup_limit_bytes
            of = "no limit" if limit is None else f"limit {human_bytes(limit)}"
            told.append(f"control group {human_bytes(self.cgroup_bytes)}, {of}")
        return f"in memory (RSS): {human_bytes(self.rss_bytes)}; {'; '.join(told)}"

    def rows(self) -> list[str]:
        """A line for each part that is there, with its remedy beneath it, and for the rest."""
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
        """What must be known beside the parts."""
        told = []
        if self.lazy_free_bytes:
            told.append(
                f"{human_bytes(self.lazy_free_bytes)} were given up with MADV_FREE: the kernel takes these pages when "
                f"memory is short, and until then they count as in memory"
            )
        if not self.is_explained:
            told.append(self._known_of_rest())
        return told

    def _known_of_rest(self) -> str:
        if self.unexplained_bytes < 0:
            begin = f"the parts come to {human_bytes(-self.unexplained_bytes)} more than RSS"
        else:
            begin = f"no part claims {human_bytes(self.unexplained_bytes)}"
        found = "".join(f"; {human_bytes(one.bytes)} are in a region called {one.name}" for one in self.unclaimed)
        return f"{begin}{found}; the process has {self.threads} threads"


_NAME_WIDTH = max(map(len, PART_TEXTS))
TEXT_AT = 12 + 1 + 9 + 2 + _NAME_WIDTH + 2
"""Where in a row it says what the part is."""


@dataclass(frozen=True)
class MemoryPool:
    """What a library's own allocator has handed out, in mappings whose parts no line is known of."""

    library: str
    """``"arrow"``."""
    allocator: str
    """``"mimalloc"`` or ``"jemalloc"``."""
    bytes: int
    """What is in use, by the library's own count."""


@dataclass(frozen=True)
class FramePointerHealth:
    """How far native stacks can be trusted, counted over all samples of the snapshot, freed ones included.

    A stack is truncated when unwinding ended before the thread's first frame.
    """

    total_native_stacks: int
    """Samples whose stack has a native part."""
    shallow_stack_warnings: int
    """Truncated ones of one native frame or none."""
    avg_native_depth: float
    """Mean native frames a stack, as recorded, shown or not."""
    min_native_depth: int
    truncation_rate: float
    """Share of the truncated ones, 0 to 1."""
    confidence: str
    """``"high"`` (less than 5 % truncated), ``"medium"`` (less than 20 %) or ``"low"``, as without any stack."""
    recommendation: str | None
    """What to do about it; None when the confidence is high."""


@dataclass(frozen=True)
class MemProfStats:
    """The profiler's counters at one moment. Zeros before the first start."""

    total_samples: int
    """Samples ever kept: always ``live_samples + freed_samples``."""
    live_samples: int
    """Samples whose block is not freed."""
    freed_samples: int
    unique_stacks: int
    """Different stacks among all samples ever kept; one that left the table and came back counts again."""
    estimated_heap_bytes: int
    """Estimated live bytes."""
    peak_heap_bytes: int
    """The highest ``estimated_heap_bytes`` since the first start. Like all here, it counts the profiler's own."""
    heap_map_load_percent: float
    """Live samples in percent of the most the live table may hold."""
    sampling_rate_bytes: int
    """The latest mean bytes between samples; 0 = every allocation."""
    native_mode: str
    """What is tracked below Python's allocators: ``"preload"``, ``"patch"`` or ``"off"``."""
    dropped_samples: dict[str, int]
    """Samples that were lost, by reason. Every reason is listed, with 0 where nothing was lost."""
    collisions: int
    """Samples that arrived at an address still listed as live: a free was missed, and the older sample ended."""
    evicted_stacks: int = 0
    """Stacks without live samples that have left the table of stacks; one that comes back counts again."""
    folded_bytes: int = 0
    """Estimated bytes ever allocated at those; reports list them under ``<stacks no longer kept>``."""
    unkept_samples: int = 0
    """Samples of new stacks that found no room, ever; reports list them under ``<stacks table full>``."""
    marked_codes: int = 0
    """Samples whose Python frames found no room in the table of code, and read ``<code table full>``."""
    thinned_samples: int = 0
    """Live samples that were given up where their table was full: others stand for them. Among the freed ones."""
    thinned_rate_bytes: int = 0
    """Mean bytes between samples, at least, since the table of live samples was full; 0: it never was."""
    lost_bytes: int = 0
    """Estimated bytes that lost samples stood for: they may be live, and are in no estimate."""
    unlisted_mappings: int = 0
    """Mappings of the program that found no room in their table, ever."""
    sampling_budget_percent: float | None = None
    """Percent of one core that samples may cost, of the latest start; None: there is no budget."""
    sampling_cost_ns: int = 0
    """Nanoseconds that samples have cost in starts with a budget; without one it is not measured."""
    uncovered_objects: tuple[str, ...] = ()
    """Loaded objects whose native allocations cannot all be followed by patching: they call an allocator of their own,
    or their slots could not be written."""


@dataclass(frozen=True)
class SiteDifference:
    """What changed at one site between two snapshots: later minus earlier."""

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
    """Whether the interval excludes "no change"."""
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
    """Slope of the line of least squares through the estimated live bytes. None: there is one snapshot only."""
    low: float | None
    """Lower end of the 95 % interval of the slope."""
    high: float | None
    """Upper end of the 95 % interval of the slope."""
    verdict: str
    """``"growing"``: old blocks become more and are not freed; ``"filling"``: they became more, and that slows down;
    ``"steady"``; ``"unknown"``: there is too little to tell."""
    oldest_seconds: float
    """Age of the oldest live block that was sampled; 0 where none is live at the end."""
    freed_shares: tuple[tuple[float, float], ...]
    """Ages in seconds, and of the bytes that were allocated so long ago or longer the share that was freed, estimated.
    None of the ages is longer than the series."""
    samples_to_decide: int | None = None
    """If unknown: how many more samples would decide in 90 of 100 cases."""
    seconds_to_decide: float | None = None
    """If unknown, and blocks of the series stayed: how much longer it takes if that goes on."""


# ---- CPU


@dataclass(frozen=True)
class CpuSample:
    """One sample of the CPU profiler: where a thread was, and how much time that stands for."""

    timestamp_ns: int
    """When it was taken: wall clock, nanoseconds since the epoch. Of time that no sample covers, the profile's end."""
    thread_id: int
    """The kernel's id of the thread (``threading.get_native_id()``); 0 where no single thread is meant."""
    thread_name: str
    """The name that Python gives the thread, else the kernel's; "" where no single thread is meant."""
    weight_ns: int
    """What the thread used since its sample before: CPU time, in mode ``"wall"`` time of the clock."""
    frames: tuple[Frame, ...]
    """Leaf first, never empty. Samples of one stack share one tuple."""


@dataclass(frozen=True)
class CpuStack:
    """All samples of one stack. Stacks that read the same (function, file and line of each frame) are one."""

    frames: tuple[Frame, ...]
    """Leaf first, never empty."""
    weight_ns: int
    samples: int
    """0 for time that no sample covers."""


@dataclass(frozen=True)
class CpuThread:
    """A thread that the CPU profiler met."""

    thread_id: int
    """The kernel's id (``threading.get_native_id()``)."""
    name: str
    """The name that Python gives it, else the kernel's."""
    samples: int
    weight_ns: int
    """What its samples stand for."""
    unsampled_ns: int
    """CPU time of it that no sample covers; 0 where it has ended."""
    is_blocked: bool
    """It blocks the profiler's signal, as threads do that block all of them, and cannot be sampled."""


@dataclass(frozen=True)
class CpuStats:
    """The CPU profiler's counters at one moment, of the running profile or of the last. Zeros before the first start.

    Times are in nanoseconds.
    """

    is_active: bool
    mode: str
    """``"cpu"`` or ``"wall"``."""
    interval_ms: float
    native: bool
    ticks: str
    """What takes samples: ``"timer"``, one a thread; ``"thread"`` where those are refused, a thread that wakes up each
    interval and asks all others."""
    duration_ns: int
    """Since the start by the clock, up to the stop."""
    collected_samples: int
    sampled_ns: int
    """What the samples stand for."""
    process_ns: int
    """CPU time of the whole process since the start."""
    overhead_ns: int
    """CPU time that taking samples has used; part of ``process_ns``."""
    threads: int
    """Threads met so far."""
    dropped_samples: dict[str, int]
    """Samples that were not taken, by reason; every reason is listed. No time is lost: it goes to the thread's next."""

    @property
    def dropped_count(self) -> int:
        """All of ``dropped_samples``."""
        return sum(self.dropped_samples.values())

    @property
    def overhead_percent(self) -> float:
        """``overhead_ns`` in percent of ``process_ns``."""
        return 100.0 * self.overhead_ns / self.process_ns if self.process_ns else 0.0
