"""A profile in memory, whatever its source: a snapshot, or a file written by spprof or another tool.

    samples ──► stack: locations, leaf first ──► frames (several if calls were inlined)
      │                                    └───► mapping: the object that contains the address
      ├──► values: one for each sample type
      └──► labels: thread, bytes (block size), rate, anything that a tool adds

Reports, differences, merges and conversions work only on this. Heap profiles have the sample types of HEAP_COLUMNS,
those of other tools only HEAP_TYPES; their values are estimates, already scaled up from the samples. CPU profiles have
SAMPLES and one of TIMES.
"""

from __future__ import annotations

from itertools import chain

from spprof.records import NamedTuple, cached_property, dataclass, field, replace
from spprof.results import Frame
from spprof.text import whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class ProfileError(Exception):
    """A file that is not a profile, or that cannot be read. The message is one line and names the file."""


class ValueType(NamedTuple):
    """What a value counts, and in which unit."""

    type: str
    unit: str


class Column(NamedTuple):
    """The name of a sample type in reports, which offer a choice of groups and a choice of measures."""

    group: str
    """What is measured: ``"in use"``, ``"allocated"``; ``""`` if there is nothing to choose."""
    measure: str
    """How it is measured: ``"bytes"``, ``"objects"``; for an unknown type, its name."""
    unit: str
    """bytes, count, nanoseconds, …"""

    @property
    def title(self) -> str:
        """Both together: ``"in use: bytes"``."""
        return f"{self.group}: {self.measure}" if self.group else self.measure


ALLOC_SPACE = ValueType("alloc_space", "bytes")
ALLOC_OBJECTS = ValueType("alloc_objects", "count")
INUSE_SPACE = ValueType("inuse_space", "bytes")
INUSE_OBJECTS = ValueType("inuse_objects", "count")
PEAK_SPACE = ValueType("peak_space", "bytes")
PEAK_OBJECTS = ValueType("peak_objects", "count")
MAPPED_OBJECTS = ValueType("mapped_objects", "count")
MAPPED_SPACE = ValueType("mapped_space", "bytes")
RESIDENT_SPACE = ValueType("resident_space", "bytes")

ALLOC_TYPES = (ALLOC_OBJECTS, ALLOC_SPACE)
HEAP_TYPES = (*ALLOC_TYPES, INUSE_OBJECTS, INUSE_SPACE)
"""The sample types of a heap profile, in the order that Go uses."""

PEAK_TYPES = (PEAK_OBJECTS, PEAK_SPACE)
"""The sample types of the heap at its largest. They come after the others; in the file for a peak, they come after
ALLOC_TYPES alone.
"""

MAPPED_TYPES = (MAPPED_OBJECTS, MAPPED_SPACE)
"""The sample types of the program's own mappings. They come after the others, and only if mappings were recorded."""

HEAP_COLUMNS = {
    ALLOC_OBJECTS: Column("allocated", "objects", "count"),
    ALLOC_SPACE: Column("allocated", "bytes", "bytes"),
    INUSE_OBJECTS: Column("in use", "objects", "count"),
    INUSE_SPACE: Column("in use", "bytes", "bytes"),
    PEAK_OBJECTS: Column("at the peak", "objects", "count"),
    PEAK_SPACE: Column("at the peak", "bytes", "bytes"),
    MAPPED_OBJECTS: Column("mapped", "objects", "count"),
    MAPPED_SPACE: Column("mapped", "bytes", "bytes"),
    RESIDENT_SPACE: Column("resident", "bytes", "bytes"),
}
"""How reports name the sample types of a heap profile."""

VIEWS = {
    "live": (INUSE_SPACE, ValueType("heap-space", "bytes")),
    "peak": (PEAK_SPACE,),
    "allocated": (ALLOC_SPACE, ValueType("alloc-space", "bytes")),
    "mapped": (MAPPED_SPACE,),
    "resident": (RESIDENT_SPACE,),
}
"""The names that users may give for a heap profile's sample types of bytes: ours, which are Go's, and those of ddtrace.
"""

SAMPLES = ValueType("samples", "count")
TIMES = {"cpu": ValueType("cpu", "nanoseconds"), "wall": ValueType("wall", "nanoseconds")}
"""The sample types of a CPU profile are SAMPLES and the time of its mode."""

THREAD, THREAD_ID = "thread", "thread_id"
"""Keys of the labels of a CPU profile: the thread's name, and the kernel's id for it."""

PROFILER_BYTES = "profiler_bytes"
"""Key of the comment about the memory that the profiler itself holds. There are no samples of it."""

LONGEST_RATE = "longest_rate"
"""Key of the comment with the longest sampling interval (mean bytes between samples), if that is not the period."""

BLOCK_SIZE, DRAWN_AT, RESIDENT = "bytes", "rate", "resident"
"""Keys of the labels of a heap profile: a block's size; the mean bytes between samples at which it was drawn, if that
is not the period; and how much of it is in memory, if not all.
"""

AGE = "age"
"""Key of the label with the minimum age of a block or mapping, in seconds: the beginning of an age band."""

MAPPING, MAPPED_PATH = "mapping", "path"
"""Keys of the labels of a mapping: its kind, which distinguishes it from a block, and the mapped file."""

PID, BORN, BEFORE_FORK = "pid", "born", "before fork"
"""Labels in the heap profile of a process that has forked or was forked: the process that allocated, and the mark of
inherited blocks.
"""


UNKNOWN_TYPE = ValueType("", "")


def column_of(value_type: ValueType) -> Column:
    """Return the name of a sample type in reports. The type may be spprof's or another tool's."""
    return HEAP_COLUMNS.get(value_type) or Column("", value_type.type, value_type.unit)


class Mapping(NamedTuple):
    """A mapped object: the program, a library."""

    start: int
    limit: int
    offset: int
    path: str
    build_id: str
    """Hexadecimal; "" if there is none."""


class Location(NamedTuple):
    """A location in the code: one frame, or several if calls were inlined."""

    frames: tuple[Frame, ...]
    """Leaf first, never empty."""
    mapping: int
    """Index of the mapping; -1 if there is none."""
    address: int
    """An address within the calling instruction; 0 for interpreted code."""


class Label(NamedTuple):
    """A mark on a sample: a string or a number."""

    key: str
    text: str | None
    number: int = 0
    unit: str = ""


class Moments(NamedTuple):
    """Moments of the values at the peak. They sum up many samples that are no longer known individually."""

    samples: int
    """The number of samples."""
    seen: int
    """Bytes of the sampled blocks themselves."""
    variance: float
    """V of ``spprof.estimate``, in bytes squared."""
    skewness: float
    """S, in bytes cubed."""


class Sample(NamedTuple):
    """The values of one stack, for one set of labels."""

    stack: tuple[int, ...]
    """Indices of locations, leaf first."""
    values: tuple[int, ...]
    """One for each sample type."""
    labels: tuple[Label, ...] = ()
    serials: tuple[int, ...] = ()
    """For each block that another process may also hold, its number in the process that allocated it."""
    moments: Moments | None = None
    """For the values at the peak; None if there are none, or if it is unknown how they were sampled."""


@dataclass(eq=False)
class Profile:
    """Samples, and everything that their numbers refer to. Sizes in bytes, times in nanoseconds."""

    sample_types: tuple[ValueType, ...]
    locations: list[Location] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    mappings: list[Mapping] = field(default_factory=list)
    default_type: str = ""
    """The type that viewers show first; "": the file names none."""
    period_type: ValueType = UNKNOWN_TYPE
    period: int = 0
    """For a heap profile, the mean bytes between samples; 1 = every allocation. 0 = unknown."""
    time_ns: int = 0
    duration_ns: int = 0
    comments: tuple[str, ...] = ()

    @cached_property
    def default_index(self) -> int:
        """Index of the sample type that is shown first: the one that the file names or, if it names none, the last one
        with values.
        """
        for index, value_type in enumerate(self.sample_types):
            if value_type.type == self.default_type:
                return index
        return max(self.valued_types, default=len(self.sample_types) - 1)

    @property
    def valued_types(self) -> list[int]:
        """Indices of the sample types for which any sample has a value."""
        return [
            index for index in range(len(self.sample_types)) if any(sample.values[index] for sample in self.samples)
        ]

    @property
    def type_names(self) -> str:
        """The sample types, for use in a sentence."""
        return ", ".join(value_type.type for value_type in self.sample_types)

    @property
    def is_heap(self) -> bool:
        """True if the values are those of a heap profile, with bytes and objects in use or at the peak."""
        types = self.sample_types
        return (INUSE_SPACE in types and INUSE_OBJECTS in types) or (PEAK_SPACE in types and PEAK_OBJECTS in types)

    @cached_property
    def time_index(self) -> int:
        """Index of the sample type with the time of a CPU profile; -1: it is not a CPU profile."""
        times = (self.sample_types.index(time) for time in TIMES.values() if time in self.sample_types)
        return next(times, -1)

    @property
    def has_counts(self) -> bool:
        """True if the number of samples behind each value is known."""
        return SAMPLES in self.sample_types

    @cached_property
    def frames_by_location(self) -> list[tuple[Frame, ...]]:
        """The frames of each location, leaf first."""
        return [location.frames for location in self.locations]

    def frames(self, stack: tuple[int, ...]) -> tuple[Frame, ...]:
        """Return the frames of a stack, leaf first."""
        return tuple(chain.from_iterable(map(self.frames_by_location.__getitem__, stack)))

    def with_types(self, types: Sequence[ValueType], default_type: str) -> Profile:
        """Return the profile with only the given sample types, and only the samples that have values of these types."""
        if self.sample_types == tuple(types):
            return self
        places = [self.sample_types.index(value_type) for value_type in types]
        keeps_moments = PEAK_SPACE in types
        samples = []
        for sample in self.samples:
            values = tuple(map(sample.values.__getitem__, places))
            if any(values):
                samples.append(sample._replace(values=values, moments=sample.moments if keeps_moments else None))
        return replace(self, sample_types=tuple(types), samples=samples, default_type=default_type)

    def with_notes(self, notes: dict[str, str]) -> Profile:
        """Return the profile with additional comments: ``key: text``."""
        added = tuple(f"{key}: {text}" for key, text in notes.items())
        return replace(self, comments=self.comments + added) if added else self

    @property
    def profiler_bytes(self) -> int:
        """Estimated bytes that the profiler itself held. No value includes them."""
        text = self.note(PROFILER_BYTES) if self.is_heap else None
        return max(whole_number(text) or 0, 0)

    @property
    def longest_rate(self) -> int:
        """For a heap profile, the longest sampling interval that was in force, in mean bytes between samples; 0: every
        allocation was sampled at all times.
        """
        text = self.note(LONGEST_RATE) if self.is_heap else None
        return max(whole_number(text) or 0, self.period if self.period > 1 else 0)

    def note(self, key: str) -> str | None:
        """Return the text of the comment ``key: text``; None if there is none."""
        prefix = f"{key}: "
        for comment in self.comments:
            if comment.startswith(prefix):
                return comment[len(prefix) :]
        return None
