"""Sites, and the sums of the estimator over the samples of each.

    stack (leaf first) ─► innermost Python frame ─► SiteKey(function, file, line) ─► Site: Sums and native functions

``Sums`` is the only accumulator. It is used for heap snapshots, for profiles from files, for the page and for
differences. The page's script mirrors it (``report/assets/numbers.js``); a test gives both the same numbers.
"""

from __future__ import annotations

import math

from spprof import _engine
from spprof.analysis import estimate
from spprof.analysis.ages import Ages
from spprof.analysis.libraries import is_library
from spprof.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spprof.results import Frame

_HANDS_ON = ("alloc", "gc_new", "usernew", "strdup", "strndup")
_HANDS_ON_BEGINNINGS = ("operator new", "__rust_")
"""Substrings and prefixes, in lower case, of the names of allocation functions and of the functions one step above
them.
"""

_BYTES_ONE = _engine.BYTES_ONE
_OBJECTS_ONE = _engine.OBJECTS_ONE


class SiteKey(NamedTuple):
    """A site in the program: what ``top_allocators`` and ``compare`` group by."""

    function: str
    file: str
    line: int


def key_of(frame: Frame) -> SiteKey:
    """Return the site of a frame."""
    return SiteKey(frame.function, frame.file, frame.line)


class Choice(NamedTuple):
    """How a peak was chosen: how many times its blocks were replaced, and the variance due to those that were."""

    renewals: float
    renewed: float


class Sums:
    """The sums of some samples, for one sample type.

    Values are fixed-point integers, so sums are exact in any order. ``variance`` and ``skewness`` are V and S of
    ``spprof.estimate``, in the sample type's unit squared and cubed.
    """

    __slots__ = (
        "absent",
        "chosen_among",
        "fixed",
        "fixed_objects",
        "has_spread",
        "is_drawn",
        "renewed",
        "samples",
        "seen",
        "skewness",
        "variance",
    )

    def __init__(
        self,
        samples: int = 0,
        seen: int = 0,
        fixed: int = 0,
        fixed_objects: int = 0,
        variance: float = 0.0,
        skewness: float = 0.0,
    ) -> None:
        self.samples: int = samples
        self.seen = seen
        """Bytes of the sampled blocks themselves."""
        self.fixed = fixed
        """The estimate, in 1/BYTES_ONE of the unit."""
        self.fixed_objects = fixed_objects
        """Estimated blocks, in 1/OBJECTS_ONE."""
        self.variance = variance
        self.skewness = skewness
        self.absent: int = 0
        """The part of ``fixed`` that is not in memory because it was never written to or is swapped out."""
        self.is_drawn = True
        """True if the sampling probability of every sample is known, so that there is an interval."""
        self.has_spread = True
        """True if the variance is known, so that two runs can be compared."""
        self.renewed = 0.0
        """At a peak: the part of the variance that comes from blocks that were replaced. See ``note_choice``."""
        self.chosen_among: Choice | None = None
        """At a peak: how the peak was chosen."""

    def add(self, other: Sums, times: int = 1) -> None:
        """Add ``other`` this many ``times``, for samples that are all equal to ``other``."""
        self.samples += times * other.samples
        self.seen += times * other.seen
        self.fixed += times * other.fixed
        self.fixed_objects += times * other.fixed_objects
        self.variance += times * other.variance
        self.skewness += times * other.skewness
        self.absent += times * other.absent
        self.is_drawn &= other.is_drawn
        self.has_spread &= other.has_spread
        self.renewed += times * other.renewed
        self.chosen_among = self.chosen_among or other.chosen_among

    def add_value(self, value: int) -> None:
        """Add a value about which nothing else is known."""
        self.fixed += value * _BYTES_ONE
        self.is_drawn = self.has_spread = False

    def add_timed(self, value: int, samples: int) -> None:
        """Add a time, represented by ``samples`` samples of about the same weight; 0 if the time was read rather than
        sampled.

        Another run would have a random number of samples here, with the same mean.
        """
        self.samples += samples
        self.fixed += value * _BYTES_ONE
        if samples:
            self.variance += value**2 / samples
            self.skewness += value**3 / samples**2
        self.is_drawn = False

    @property
    def is_nothing(self) -> bool:
        """True if nothing was added."""
        return not (self.samples or self.fixed) and self.is_drawn

    @property
    def value(self) -> int:
        """The estimate, or the sum of plain values, in the unit of the sample type, rounded."""
        return rounded(self.fixed, _BYTES_ONE)

    @property
    def resident(self) -> int:
        """The part of the estimate that is in memory, rounded."""
        return rounded(self.fixed - self.absent, _BYTES_ONE)

    @property
    def in_memory(self) -> Sums:
        """The sums of the same samples for resident memory: each sample stands for its own share."""
        share = (self.fixed - self.absent) / self.fixed if self.fixed else 0.0
        seen, fixed = round(self.seen * share), self.fixed - self.absent
        spread = self.variance * share**2, self.skewness * share**3
        return Sums(self.samples, seen, fixed, self.fixed_objects, *spread)

    @property
    def objects(self) -> int:
        """Estimated blocks, rounded."""
        return rounded(self.fixed_objects, _OBJECTS_ONE)

    @property
    def spread(self) -> tuple[float, float]:
        """(V, S), in the form that ``spprof.estimate`` takes."""
        return self.variance, self.skewness

    def interval(self, confidence: float = 0.95) -> tuple[int, int] | None:
        """Return the confidence interval of the true value, rounded outwards; None if sampling probabilities are
        unknown.
        """
        if not self.is_drawn:
            return None
        exact = self.fixed / _BYTES_ONE
        spread = self.variance, self.skewness
        return outwards(estimate.interval(exact, *spread, self.seen, confidence, *self._lean()))

    def heap_interval(self, rate: int, lost: int = 0, confidence: float = 0.95) -> tuple[int, int]:
        """Like ``interval``, but for a whole heap sampled at ``rate``, which may also hold sites without any sample.

        ``lost``: bytes that lost samples stood for; they may be live, so they are added to the upper end.
        """
        exact = self.fixed / _BYTES_ONE
        spread = self.variance, self.skewness
        low, high = estimate.heap_interval(exact, *spread, self.seen, rate, confidence, *self._lean())
        return outwards((low, high + lost))

    def _lean(self) -> tuple[float, float]:
        """Return ``renewals`` and ``share``, in the form that ``estimate.low_reach`` takes."""
        choice = self.chosen_among
        if choice is None or self.renewed <= 0.0:
            return 0.0, 0.0
        return choice.renewals, min(self.renewed / math.sqrt(self.variance * choice.renewed), 1.0)


class Site(Sums):
    """The sums of one site, the native functions that allocated beneath its line, and the program's own lines that
    called it.
    """

    __slots__ = ("ages", "callers", "natives")

    def __init__(self) -> None:
        super().__init__()
        self.ages = Ages()
        """The site's bytes by age; empty if ages are unknown."""
        self.natives: dict[str, int] = {}
        """Bytes allocated through each native function, in 1/BYTES_ONE."""
        self.callers: dict[SiteKey, int] = {}
        """For a library's line: the bytes, keyed by the program's line that called into the library."""

    def add_stack(self, native: str | None, caller: SiteKey | None, sums: Sums) -> None:
        """Add the sums of a stack. ``native``: the function that allocated beneath the site's line, if any. ``caller``:
        the program's own line that called into the library, if any.
        """
        self.add(sums)
        if native is not None:
            self.natives[native] = self.natives.get(native, 0) + sums.fixed
        if caller is not None:
            self.callers[caller] = self.callers.get(caller, 0) + sums.fixed

    @property
    def native_function(self) -> str | None:
        """The native function that allocated the most beneath the line; None if the line itself allocated."""
        natives = self.natives
        return max(natives, key=lambda name: (natives[name], name)) if natives else None

    @property
    def your_line(self) -> SiteKey | None:
        """For a site in a library, the program's line that called it for the most bytes. None if the site itself is the
        program's, or if no line of the program called it.
        """
        callers = self.callers
        return max(callers, key=lambda key: (callers[key], key)) if callers else None


def site_frame(frames: Iterable[Frame]) -> Frame:
    """Return the innermost Python frame. If there is none, return the innermost frame of all."""
    innermost = None
    for frame in frames:
        if frame.is_python:
            return frame
        innermost = innermost or frame
    assert innermost is not None, "a stack is never empty"
    return innermost


def native_beneath(frames: Sequence[Frame]) -> str | None:
    """Return the native function that allocated beneath the innermost Python line. Functions that only pass requests on
    to an allocator are skipped, unless there is no other. None if the line itself allocated, or if there is no Python
    line.
    """
    innermost = next((at for at, frame in enumerate(frames) if frame.is_python), 0)
    names = [frame.function for frame in frames[:innermost]]
    return next((name for name in names if not _hands_on(name)), names[-1]) if names else None


def _hands_on(name: str) -> bool:
    lowered = name.lower()
    return lowered.startswith(_HANDS_ON_BEGINNINGS) or any(part in lowered for part in _HANDS_ON)


def your_line(frames: Sequence[Frame]) -> SiteKey | None:
    """Return the program's own innermost line if the innermost Python line is a library's, else None."""
    python = [frame for frame in frames if frame.is_python]
    if not python or not is_library(python[0].file):
        return None
    return next((key_of(frame) for frame in python if not is_library(frame.file)), None)


def note_choice(parts: Iterable[tuple[Sequence[Sums], int]]) -> None:
    """Note how a peak was chosen, so that its intervals reach low enough (docs/sampling.md, "The peak").

    ``parts``: all sums of the peak, grouped by site. Each group comes with the bytes that the site has allocated, in
    1/BYTES_ONE.
    """
    renewals = renewed = 0.0
    known: list[Sums] = []
    for sums, allocated in parts:
        held = sum(one.fixed for one in sums)
        known += sums
        if not 0 < held < allocated:
            continue
        for one in sums:
            one.renewed = (1.0 - held / allocated) * one.variance
            renewed += one.renewed
            renewals += (allocated / held - 1.0) * one.variance
    if renewed > 0.0:
        choice = Choice(renewals / renewed, renewed)
        for one in known:
            one.chosen_among = choice


def rounded(fixed: int, one: int) -> int:
    """Return the integer nearest to ``fixed / one``, computed in integers, because heaps may exceed the integers that a
    float represents exactly.
    """
    return (2 * fixed + one) // (2 * one)


def outwards(ends: tuple[float, float]) -> tuple[int, int]:
    """Return the narrowest interval of integers around ``ends``."""
    return math.floor(ends[0]), math.ceil(ends[1])
