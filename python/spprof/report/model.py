"""Report: what the page shows, whatever it was made from.

    nodes, in preorder:     0 all ─┬─ 1 main ─┬─ 2 load ─── 3 parse
                                   │          └─ 4 serve
                                   └─ 5 worker
    entry (node, thread):   values[side][column], and where the column has intervals what they are made of
    history:                what was live over time; entries are told apart by when they were allocated, too

An entry stands for all samples of one stack and one thread; its node is the stack's innermost call. A plain report has
one side, a difference two: old and new.
"""

from __future__ import annotations

from spprof.records import NamedTuple, dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.analysis.sites import Choice
    from spprof.pprof.profile import Column


class Place(NamedTuple):
    """A line of code, as calls are told apart by it. Texts are as they are shown."""

    function: str
    file: str
    short_file: str
    """As tables show it."""
    line: int
    package: str
    """What it is coloured by."""
    is_python: bool
    is_library: bool


class Excerpt(NamedTuple):
    """Some lines of a place's file."""

    place: int
    first: int
    """The number of the first line."""
    lines: list[str]


class MemoryPart(NamedTuple):
    """A part of what the process had in memory, or what no part explains."""

    name: str
    what: str
    """What it is, in words."""
    bytes: int
    """Below 0 where parts come to more than all; such a rest is not drawn."""
    amount: str
    share: str
    remedy: str
    """What gives it back; "": nothing is to be said."""


@dataclass
class Spread:
    """What the intervals of one side are made of, entry by entry; ``spprof.estimate`` has the formula."""

    samples: list[int] = field(default_factory=list)
    """How many samples there were; -1 where that is not known, and then there is no interval."""
    seen: list[int] = field(default_factory=list)
    """What the samples were themselves, at least: 0 of times."""
    variance: list[float] = field(default_factory=list)
    """V, in the column's unit squared."""
    lean: list[float] = field(default_factory=list)
    """S / V, in the column's unit; 0 where V is 0."""
    renewed: list[float] = field(default_factory=list)
    """At a peak what of V is of blocks that were replaced."""
    choice: Choice | None = None
    """Among what a peak was chosen; None: it was not, or nothing is known of it."""


@dataclass
class Side:
    """One profile's part of a report."""

    name: str
    unseen_bytes: int = 0
    """How much may lie in blocks of which none was sampled, in the whole profile, at 95 %."""
    lost_bytes: int = 0
    """What lost samples stood for: the upper end of the whole lies that much higher."""
    values: list[list[int]] = field(default_factory=list)
    """For each column, entry by entry."""
    spreads: list[Spread] = field(default_factory=list)
    """For each of the report's ``spread_columns``."""
    ages: list[int] = field(default_factory=list)
    """Where the report has ages, entry by entry: of each value of ``age_column`` the band's number times the value."""


class Point(NamedTuple):
    """One snapshot of a series."""

    wall_ms: int
    """When it was taken, in UTC; never descending, and far from true where the clock was set back."""
    at_ms: int
    """The same since the first one, by a clock that nobody sets."""
    bytes: int
    """What was live."""
    low: int | None
    """Its 95 % interval; None: it is not known."""
    high: int | None
    rss_bytes: int | None
    pss_bytes: int | None
    parts: list[int]
    """What of it was whose: each of the history's sites, and last all others."""


class History(NamedTuple):
    """What was live over time."""

    sites: list[tuple[str, str]]
    """Function and file with line, as they are shown: those that held the most, the largest first."""
    points: list[Point]


@dataclass
class Report:
    """A tree of calls with values."""

    title: str
    facts: list[tuple[str, str]]
    """What else is known, in words: ("samples", "347 live, …")."""
    columns: list[Column]
    first_column: int
    """Which is shown first."""
    spread_columns: list[int]
    """Which have intervals."""
    threads: list[str]
    """Names; entries refer to them."""
    places: list[Place]
    sides: list[Side]
    ups: list[int] = field(default_factory=list)
    """For each node how many levels its caller is above the node before it."""
    node_places: list[int] = field(default_factory=list)
    entry_nodes: list[int] = field(default_factory=list)
    """Never descending. Node 0 is "all"; node n + 1 has ``ups[n]``."""
    entry_threads: list[int] = field(default_factory=list)
    entry_sites: list[int] = field(default_factory=list)
    """Places: the stack's innermost Python call, else its innermost call; -1: it has none. Not in the file."""
    entry_yours: list[int] = field(default_factory=list)
    """Places: the stack's innermost call of the program's own; -1: it has none. Not in the file."""
    excerpts: list[Excerpt] = field(default_factory=list)
    """Source lines of some places."""
    age_column: int = -1
    """Of whose values the ages are known; -1: of none, and in a difference."""
    age_bands: list[str] = field(default_factory=list)
    """Bands of ages, the youngest first, up to the oldest that there is."""
    history: History | None = None
    """The snapshots of a series, of which the report shows the last."""
    dated_columns: list[int] = field(default_factory=list)
    """Of which it is known when what they count was allocated."""
    entry_points: list[int] = field(default_factory=list)
    """Of a report with a history, for each entry: which of its points, counted from 1, was the first that could see
    it; 0: it is not known when it was allocated."""
    memory: list[MemoryPart] = field(default_factory=list)
    """All that the process had in memory, the largest part first; empty where it is not known, and of a difference."""
