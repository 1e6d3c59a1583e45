"""Report: what the page shows, independent of its source.

    nodes, in preorder:     0 all ─┬─ 1 main ─┬─ 2 load ─── 3 parse
                                   │          └─ 4 serve
                                   └─ 5 worker
    entry (node, thread):   values[side][column] and, if the column has intervals, their inputs
    history:                what was live over time; entries are then also split by time of allocation

An entry stands for all samples of one stack and one thread; its node is the stack's innermost call. A plain report has
one side; a difference has two, old and new.
"""

from __future__ import annotations

from spprof.records import NamedTuple, dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.analysis.sites import Choice
    from spprof.pprof.profile import Column


class Place(NamedTuple):
    """A line of code, as distinguished in the report. Texts are ready for display."""

    function: str
    file: str
    short_file: str
    """The path shown in tables."""
    line: int
    package: str
    """The package, which determines the colour."""
    is_python: bool
    is_library: bool


class Excerpt(NamedTuple):
    """Some lines of a place's file."""

    place: int
    first: int
    """The number of the first line."""
    lines: list[str]


class MemoryPart(NamedTuple):
    """A part of the process's memory, or the remainder that no part explains."""

    name: str
    what: str
    """A description."""
    bytes: int
    """Negative if the parts add up to more than the whole; such a remainder is not drawn."""
    amount: str
    share: str
    remedy: str
    """A remedy that would free it; "": there is none."""


@dataclass
class Spread:
    """The inputs of one side's intervals, entry by entry; ``spprof.analysis.estimate`` has the formula."""

    samples: list[int] = field(default_factory=list)
    """Number of samples; -1: unknown, so there is no interval."""
    seen: list[int] = field(default_factory=list)
    """Lower bound: what the samples themselves amount to; 0 for times."""
    variance: list[float] = field(default_factory=list)
    """V, in the column's unit squared."""
    lean: list[float] = field(default_factory=list)
    """S / V, in the column's unit; 0 where V is 0."""
    renewed: list[float] = field(default_factory=list)
    """For a peak, the part of V due to blocks that were replaced."""
    choice: Choice | None = None
    """The number of estimates among which a peak was chosen; None: it was not chosen, or the number is unknown."""


@dataclass
class Side:
    """One profile's part of a report."""

    name: str
    unseen_bytes: int = 0
    """Upper bound, at 95 %, on bytes in blocks without any sample, for the whole profile."""
    lost_bytes: int = 0
    """Bytes that lost samples stood for, added to the upper end of the whole."""
    values: list[list[int]] = field(default_factory=list)
    """For each column, entry by entry."""
    spreads: list[Spread] = field(default_factory=list)
    """For each of the report's ``spread_columns``."""
    ages: list[int] = field(default_factory=list)
    """If the report has ages, for each entry: the value in ``age_column`` times the number of its band."""


class Point(NamedTuple):
    """One snapshot of a series."""

    wall_ms: int
    """When it was taken, in UTC. Times never decrease. They are wrong if the clock was set back."""
    at_ms: int
    """Time since the first one, on the monotonic clock."""
    bytes: int
    """Live bytes."""
    low: int | None
    """Their 95 % interval; None: unknown."""
    high: int | None
    rss_bytes: int | None
    pss_bytes: int | None
    parts: list[int]
    """The live bytes of each of the history's sites, followed by those of all others."""


class History(NamedTuple):
    """The live memory over time."""

    sites: list[tuple[str, str]]
    """Displayed function, and file with line, of the sites that held the most, largest first."""
    points: list[Point]


@dataclass
class Report:
    """A tree of calls with values."""

    title: str
    facts: list[tuple[str, str]]
    """Additional facts, in words: ("samples", "347 live, …")."""
    columns: list[Column]
    first_column: int
    """Index of the column to show first."""
    spread_columns: list[int]
    """Indexes of the columns with intervals."""
    threads: list[str]
    """Names; entries refer to them by index."""
    places: list[Place]
    sides: list[Side]
    ups: list[int] = field(default_factory=list)
    """For each node, how many levels up from the previous node its caller is."""
    node_places: list[int] = field(default_factory=list)
    entry_nodes: list[int] = field(default_factory=list)
    """Never decreasing. Node 0 is "all"; node n + 1 has ``ups[n]``."""
    entry_threads: list[int] = field(default_factory=list)
    entry_sites: list[int] = field(default_factory=list)
    """For each stack, the place of its innermost Python call, else of its innermost call; -1: none. Not in the file."""
    entry_yours: list[int] = field(default_factory=list)
    """For each stack, the place of its innermost call of the program's own code; -1: none. Not in the file."""
    excerpts: list[Excerpt] = field(default_factory=list)
    """Source lines of some places."""
    age_column: int = -1
    """Index of the column for which ages are known; -1: none, as in a difference."""
    age_bands: list[str] = field(default_factory=list)
    """Age bands, from the youngest to the oldest that occurs."""
    history: History | None = None
    """The snapshots of the series; the report shows the last of them."""
    dated_columns: list[int] = field(default_factory=list)
    """Indexes of the columns whose entries have known allocation times."""
    entry_points: list[int] = field(default_factory=list)
    """In a report with a history, for each entry: the number, from 1, of the first point that could see it; 0: unknown.
    """
    memory: list[MemoryPart] = field(default_factory=list)
    """The parts of the process's memory, largest first; empty if unknown, and in a difference."""
