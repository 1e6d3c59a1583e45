"""Which sites grow over a series of snapshots of one process, how fast, and whether their old blocks are ever freed.

    snapshots ─► stays: when samples appeared, and when they were gone
                   ├─► slope of the live bytes, and its 95 % interval
                   ├─► allocated and still live, by age ─► freed_shares
                   └─► old blocks: do they increase? are they kept? does it slow down? ─► verdict

A sample in two snapshots is the same draw in both, so its appearance and disappearance add to the variance of a slope
only what the sample contributes to the slope. This needs no serial numbers: a block that was allocated before a
snapshot and is live after it was also live in it. It is enough to know between which two snapshots each block was
allocated.

docs/sampling.md, "Growth", has the derivation, and tests/nightly/GROWTH.md the results.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

from spprof.analysis import estimate
from spprof.records import NamedTuple
from spprof.results import SiteGrowth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Optional

    from spprof.analysis.sites import SiteKey

    _Rate = tuple[Optional[float], Optional[float], Optional[float]]
    """Bytes per second: the slope, and the ends of its interval."""
    _Stay = tuple[int, int, int, "Cohort"]
    """(born, first, end, cohort): samples that were allocated in the interval that ends with snapshot ``born``, and
    that are in all snapshots from ``first`` up to, but not including, ``end``.
    """

GROWING = "growing"
FILLING = "filling"
STEADY = "steady"
UNKNOWN = "unknown"

DECIDING_SAMPLES = 18
"""A leak with this many live samples is reported as growing in 90 of 100 runs."""

_LATE = 0.4
"""The share of the series that must have passed before blocks that become old indicate growth. A cache that filled up
earlier therefore does not count.
"""
_EARLY = 0.6
"""Blocks that were allocated in this first share of the series must be kept to its end."""
_LAGS = ((1.0 / 16.0, 5.0), (1.0 / 4.0, 7.0))
"""Pairs of an age from which a block is old, as a share of the series, and a number of bits. Growth counts if the
probability that it is due to chance is less than 2**-bits: 1/32 and 1/128, 4 % in all.
"""
_BITS_MAX = 10.0
_BITS_EACH = 2.0 / 3.0
"""If many blocks appeared and disappeared, more bits are required: 2/3 of a bit for each snapshot in which some did, up
to 10 bits (1/1024).
"""
_KEPT_CHANCE = 1.0 / 32.0
_SLOWER_SURELY = 2.576
_SLOWER = 1.645
"""Normal quantiles of 0.995 and 0.95."""
_STEPS_MAX = 1024
_EXACT_MAX = 128
"""The probability of a chance result is computed exactly for at most _EXACT_MAX changes, whose sums are rounded to at
most _STEPS_MAX steps. For more changes, a normal distribution is used.
"""


class Cohort(NamedTuple):
    """Live samples of one site that were allocated at about the same time."""

    born: float
    """Time of the allocation in seconds, on the clock of ``Moment.seconds``. It may be any time after the last snapshot
    before the allocation and no later than the first one after it, but must be the same in each snapshot. For blocks
    allocated before the first snapshot, it is any time up to that snapshot, according to their age at that time.
    """
    samples: int
    bytes: float
    """The bytes for which they stand."""
    variance: float
    """Their part of V (``analysis.estimate``)."""
    skewness: float
    """Their part of S."""


class SiteSeen(NamedTuple):
    """One site in one snapshot."""

    live: tuple[Cohort, ...]
    """If nothing has changed, pass the same object as in the previous snapshot, which is fast."""
    allocated_bytes: float
    """Estimated bytes allocated there since the profiler's first start."""


class Moment(NamedTuple):
    """One snapshot of a series."""

    seconds: float
    """When it was taken."""
    sites: Mapping[SiteKey, SiteSeen]


class Growth(NamedTuple):
    """The findings about a series."""

    sites: list[SiteGrowth]
    """Growing sites first. Sites with the same verdict are sorted by the lower end of the slope, the fastest first."""
    used: tuple[int, ...]
    """Indices, in the given moments, of the snapshots that were used."""


def growth(moments: Sequence[Moment], longest_rate_bytes: float) -> Growth:
    """Return the growth of each site that has samples in a series of snapshots of one process.

    ``moments``: in the order in which they were taken. ``longest_rate_bytes``: the longest sampling interval under
    which any of them was drawn, in mean bytes between samples; 0: every allocation was sampled. Snapshots whose time is
    not a finite number, or not later than the one before, are left out. If the clock has jumped back permanently, the
    longest part without a jump is used; if several are equally long, the last one.
    """
    used = _usable([moment.seconds for moment in moments])
    clock = _Clock([moments[place].seconds for place in used], longest_rate_bytes)
    histories: dict[SiteKey, _History] = {}
    for index, place in enumerate(used):
        for key, seen in moments[place].sites.items():
            history = histories.get(key)
            if history is None:
                history = histories[key] = _History()
            history.see(index, seen)
    sites = [_judged(key, history, clock) for key, history in histories.items() if history.has_samples]
    return Growth(sorted(sites, key=order), used)


def order(one: SiteGrowth) -> tuple[bool, float, float, str, str, int]:
    """Return the sort key of sites: growing ones first, then by the lower end of the slope within each verdict."""
    low, rate = one.low or 0.0, one.bytes_per_second or 0.0
    return one.verdict != GROWING, -low, -rate, one.function, one.file, one.line


def _usable(times: list[float]) -> tuple[int, ...]:
    """Return the longest run of indices whose times are finite and ascending. A single time that is too early is
    skipped.
    """
    known = [place for place, time in enumerate(times) if math.isfinite(time)]
    best: list[int] = []
    run: list[int] = []
    for place, following in zip(known, [*known[1:], None]):
        time, last = times[place], times[run[-1]] if run else -math.inf
        if time <= last:
            if time == last or (following is not None and times[following] > last):
                continue
            run = []
        run.append(place)
        if len(run) >= len(best):
            best = run
    return tuple(best)


# ---- When samples appeared, and when they were gone


class _History:
    """The samples of one site, snapshot by snapshot."""

    __slots__ = ("_allocated", "_allocated_since", "_first", "_live", "_next", "_now", "_stays", "has_samples")

    def __init__(self) -> None:
        self.has_samples = False
        self._live: tuple[Cohort, ...] = ()
        self._now: dict[float, Cohort] = {}
        self._first: dict[float, int] = {}
        self._stays: list[tuple[int, int, Cohort]] = []
        self._next = 0
        self._allocated: list[float] = []
        self._allocated_since: list[int] = []

    def see(self, index: int, seen: SiteSeen) -> None:
        live, allocated = seen
        if self._next != index:
            self._change(self._next, ())
        self._next = index + 1
        if live is not self._live:
            self._change(index, live)
        if not self._allocated or allocated != self._allocated[-1]:
            self._allocated.append(allocated)
            self._allocated_since.append(index)

    def _change(self, index: int, live: tuple[Cohort, ...]) -> None:
        self._live = live
        before, now = self._now, _by_birth(live)
        first = self._first
        for born in [born for born in now if born not in first or now[born] != before[born]]:
            if not _is_known(now[born]):
                del now[born]
        for born in [born for born in before if now.get(born) != before[born]]:
            self._part(index, born, before[born], now.get(born))
        for born in now:
            if born not in first:
                first[born] = index
                self.has_samples = True
        self._now = now

    def _part(self, index: int, born: float, before: Cohort, after: Cohort | None) -> None:
        """Record the change of a cohort from ``before`` to ``after``."""
        gone: Cohort | None = before
        if after is not None:
            gone = _less(before, after)
        if gone is None or after is None:  # all are gone, or were redrawn at another rate, which makes another estimate
            self._stays.append((self._first.pop(born), index, before))
        elif gone.samples:
            self._stays.append((self._first[born], index, gone))

    def stays(self, times: list[float]) -> list[_Stay]:
        """Return all samples of a series of snapshots taken at ``times``."""
        count = len(times)
        if self._next < count:
            self._change(self._next, ())
        open_ = [(self._first[born], count, cohort) for born, cohort in self._now.items()]
        return [
            (min(bisect_left(times, cohort.born), first), first, end, cohort)
            for first, end, cohort in self._stays + open_
        ]

    def allocated(self, index: int) -> float:
        """Return the bytes allocated up to a snapshot."""
        place = bisect_right(self._allocated_since, index) - 1
        value = self._allocated[place] if place >= 0 else 0.0
        return value if math.isfinite(value) else 0.0


def _by_birth(live: tuple[Cohort, ...]) -> dict[float, Cohort]:
    found = {cohort.born: cohort for cohort in live}
    if len(found) == len(live):
        return found
    found = {}
    for cohort in filter(_is_known, live):
        born, *sums = cohort
        if born in found:
            sums = [one + two for one, two in zip(sums, found[born][1:])]
        found[born] = Cohort(born, *sums)  # type: ignore[arg-type]
    return found


def _is_known(cohort: Cohort) -> bool:
    return cohort[1] > 0 and math.isfinite(sum(cohort))


def _less(before: Cohort, after: Cohort) -> Cohort | None:
    """Return the part of a cohort that is gone; None if something else has also changed."""
    samples, space = before.samples - after.samples, before.bytes - after.bytes
    same = abs(space) <= 1e-9 * before.bytes
    if samples < 0 or (samples == 0) != same or (space < 0.0 and not same):
        return None
    spread = max(before.variance - after.variance, 0.0), max(before.skewness - after.skewness, 0.0)
    return Cohort(before.born, samples, max(space, 0.0), *spread)


# ---- Data that all sites share


class _Lag:
    """The age at which blocks count as old, and the snapshots at which they reach it."""

    def __init__(self, times: list[float], share: float, bits: float) -> None:
        begin, span, count = times[0], times[-1] - times[0], len(times)
        age = share * span * (1.0 - 1e-9)
        self.bits = bits
        self.since = [bisect_left(times, time + age) for time in times]
        """For each snapshot, the index of the snapshot at which blocks allocated just before it are old; ``count``:
        there is none.
        """
        self.births = [max(bisect_right(times, time - age) - 1, 0) for time in times]
        """The inverse: for each snapshot, the index of the latest one such that blocks allocated before it are old."""
        self.late = bisect_left(times, begin + _LATE * span)
        self.middle = bisect_left(times, (times[self.late] + times[-1]) / 2.0)
        self.early_births = bisect_right(times, begin + _EARLY * span) - 1
        self.early_old = min(self.since[self.early_births], count - 1)


class _Clock:
    """The times of a series, and everything that follows from them alone."""

    def __init__(self, times: list[float], rate: float) -> None:
        count = len(times)
        self.times = times
        self.rate = rate
        self.count = count
        self.lags = [_Lag(times, share, bits) for share, bits in _LAGS] if count > 2 else []
        self.reach = [0.0] * (count + 1)
        """Indexed by snapshot: the slope of one byte that is live in all earlier snapshots. It is 0 at the end, because
        a byte that stays has no slope.
        """
        if count > 1:
            mean = math.fsum(times) / count
            square = math.fsum((time - mean) ** 2 for time in times)
            for index in range(count - 1):
                self.reach[index + 1] = self.reach[index] + (times[index] - mean) / square
        self.reach_max = -min(self.reach)
        backs = [1 << number for number in range(count.bit_length()) if 1 << number < count]
        self.ages = [count - 1 - back for back in backs]
        """The earlier snapshots with which ``freed_shares`` compares."""

    @property
    def span(self) -> float:
        return self.times[-1] - self.times[0]


# ---- One site


def _judged(key: SiteKey, history: _History, clock: _Clock) -> SiteGrowth:
    count = clock.count
    times = clock.times
    stays = history.stays(times)
    kept = [(born, cohort) for born, _, end, cohort in stays if end == count]
    oldest = max((times[-1] - cohort.born for _, cohort in kept), default=0.0)
    rate = _rate(stays, clock) if count > 1 else _NO_RATE
    verdict, samples, seconds = _verdict(stays, history, clock, rate[2])
    shares = _freed_shares(kept, history, clock)
    return SiteGrowth(*key, *rate, verdict, max(oldest, 0.0), shares, samples, seconds)


_NO_RATE = (None, None, None)


def _rate(stays: list[_Stay], clock: _Clock) -> _Rate:
    """Return the slope of the least-squares line through the live bytes, and its interval."""
    reach = clock.reach
    came, gone = _Side(), _Side()
    for _, first, end, cohort in stays:
        slope = reach[end] - reach[first]
        if slope > 0.0:
            came.add(cohort, slope)
        elif slope < 0.0:
            gone.add(cohort, -slope)
    unseen = estimate.unseen_bytes(clock.rate, _UNSEEN_CONFIDENCE) * clock.reach_max
    (low, high), (least, most) = came.ends(unseen), gone.ends(unseen)
    rate = came.slope - gone.slope
    below = math.sqrt((came.slope - low) ** 2 + (most - gone.slope) ** 2)
    above = math.sqrt((high - came.slope) ** 2 + (gone.slope - least) ** 2)
    return rate, rate - below, rate + above


_UNSEEN_CONFIDENCE = 0.9
"""Confidence for a side on which nothing was seen: 5 % at each end."""


class _Side:
    """The memory that appeared at a site, or that disappeared, in bytes per second."""

    __slots__ = ("any", "skewness", "slope", "variance")

    def __init__(self) -> None:
        self.any = False
        self.slope = self.variance = self.skewness = 0.0

    def add(self, cohort: Cohort, slope: float) -> None:
        self.any = True
        self.slope += cohort.bytes * slope
        self.variance += cohort.variance * slope**2
        self.skewness += cohort.skewness * slope**3

    def ends(self, unseen: float) -> tuple[float, float]:
        """Return the interval of the slope."""
        if not self.any:
            return 0.0, unseen
        return estimate.interval(self.slope, self.variance, self.skewness, 0.0)


def _freed_shares(kept: list[tuple[int, Cohort]], history: _History, clock: _Clock) -> tuple[tuple[float, float], ...]:
    """Return, for each age, the share of the bytes of that age that has been freed."""
    found = []
    for index in clock.ages:
        allocated = history.allocated(index)
        if allocated > 0.0:
            live = 0.0
            for born, cohort in kept:
                if born <= index:
                    live += cohort.bytes
            share = 1.0 - live / allocated
            share = 0.0 if share < 0.0 else 1.0 if share > 1.0 else share
            found.append((clock.times[-1] - clock.times[index], share))
    return tuple(found)


# ---- The verdict


class _Old:
    """How the number of a site's old blocks has changed, counted in samples at the longest sampling interval."""

    def __init__(self, stays: Iterable[_Stay], clock: _Clock, lag: _Lag, history: _History) -> None:
        changes = [0.0] * (clock.count + 1)
        at_risk = kept = 0.0
        self.kept_of_series = 0.0
        """The blocks that appeared during the series and are live at its end."""
        for born, first, end, cohort in stays:
            weight = _counted(cohort, clock.rate)
            since = lag.since[born]
            if first > since:
                since = first
            if since < end:
                changes[since] += weight
                changes[end] -= weight
                if end == clock.count and born > 0:
                    self.kept_of_series += weight
            if born <= lag.early_births:
                if first <= lag.early_old < end:
                    at_risk += weight
                if end == clock.count:
                    kept += weight
        self.at_risk = at_risk
        self.freed = max(at_risk - kept, 0.0)
        begin = lag.since[0]
        self._lag = lag
        self._clock = clock
        self._births = lag.births
        self._history = history
        self._early = changes[begin + 1 : lag.late + 1]
        self._late = changes[lag.late + 1 : clock.count]
        self._begin = begin
        self._last = clock.count - 1
        self._changes = changes
        self.gain = sum(self._late)

    @property
    def late_chance(self) -> float:
        return max(_chance(self._late), math.pow(2.0, -max(self.gain, 0.0)))

    @property
    def are_more(self) -> bool:
        """True if chance does not explain how many blocks have recently become old."""
        return self.gain > 0.0 and self.late_chance <= _needed(self._late, self._lag.bits)

    @property
    def were_more(self) -> bool:
        """Like ``are_more``, but for the whole series."""
        changes = self._early + self._late
        gain = sum(changes)
        return gain > 0.0 and max(_chance(changes), math.pow(2.0, -gain)) <= _needed(changes, self._lag.bits)

    @property
    def are_kept(self) -> bool:
        """True if fewer than half of the blocks that were old early have been freed."""
        return _at_most(self.at_risk, self.freed) <= _KEPT_CHANCE

    @property
    def are_freed(self) -> bool:
        """True if more than half of the blocks that were old early have been freed."""
        return _at_most(self.at_risk, self.at_risk - self.freed) <= _KEPT_CHANCE

    @property
    def become_slower_lately(self) -> bool:
        return self._is_slower(self._lag.late, self._lag.middle, self._last, _SLOWER_SURELY)

    @property
    def become_slower(self) -> bool:
        return self._is_slower(self._begin, self._lag.late, self._last, _SLOWER)

    def _is_slower(self, begin: int, middle: int, end: int, quantile: float) -> bool:
        """Return whether more blocks became old before ``middle`` than the allocations explain."""
        before, after = self._changes[begin + 1 : middle + 1], self._changes[middle + 1 : end + 1]
        gain = sum(before) + sum(after)
        share = self._share(begin, middle, end, gain)
        variance = share * (1.0 - share) * max(_scatter(before) + _scatter(after), gain)
        return sum(before) - share * gain > quantile * math.sqrt(variance)

    def _share(self, begin: int, middle: int, end: int, gain: float) -> float:
        """Return the share of the blocks that became old between ``begin`` and ``end`` that is expected up to
        ``middle``: the share of the allocations up to then. If most of the allocated memory was kept, allocations do
        not measure how much could have become old, so time is used instead.
        """
        births, allocated, times = self._births, self._history.allocated, self._clock.times
        whole = allocated(births[end]) - allocated(births[begin])
        part = allocated(births[middle]) - allocated(births[begin])
        if whole <= 2.0 * gain * self._clock.rate or not self._clock.rate:
            part, whole = times[middle] - times[begin], times[end] - times[begin]
        return min(max(part / whole, 0.05), 0.95) if whole > 0.0 else 0.5


def _scatter(values: list[float]) -> float:
    """Return the sum of squared deviations from the mean."""
    if not values:
        return 0.0
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values)


def _counted(cohort: Cohort, rate: float) -> float:
    """Return the equivalent number of samples at the longest sampling interval."""
    return min(cohort.samples, cohort.bytes / rate) if rate else float(cohort.samples)


def _needed(changes: list[float], bits: float) -> float:
    """Return the probability below which these changes are not due to chance. It is 2**-``bits``, or less if more
    samples changed: half a bit for each, but at most _BITS_EACH for each snapshot in which something changed, and at
    most _BITS_MAX in all.
    """
    stir = sum(map(abs, changes))
    met = sum(one != 0.0 for one in changes)
    return math.pow(2.0, -max(bits, min(stir / 2.0, met * _BITS_EACH, _BITS_MAX)))


def _verdict(
    stays: list[_Stay], history: _History, clock: _Clock, high: Optional[float]
) -> tuple[str, Optional[int], Optional[float]]:
    """Return the verdict. If it is unknown, also return how many more samples and how many more seconds would decide,
    if known.
    """
    have = sum(_counted(cohort, clock.rate) for _, _, end, cohort in stays if end == clock.count)
    if not clock.lags or high is None:
        return UNKNOWN, _missing(have), None
    passed = (history.allocated(clock.count - 1) - history.allocated(0)) / clock.rate if clock.rate else have
    seen = max(have, passed)
    if all(stay[1] == 0 and stay[2] == clock.count for stay in stays):
        return (STEADY, None, None) if seen >= DECIDING_SAMPLES else (UNKNOWN, _missing(seen), None)
    olds = [_Old(stays, clock, lag, history) for lag in clock.lags]
    young = olds[0]
    is_slower = any(old.become_slower_lately for old in olds)
    if high > 0.0 and not is_slower and any(old.are_more and old.are_kept for old in olds):
        return GROWING, None, None
    if young.were_more and (is_slower or young.become_slower):
        return FILLING, None, None
    if young.are_freed:
        return STEADY, None, None
    may_leak = young.gain > 0.0 and (young.late_chance <= 0.1 or young.freed == 0.0)
    if seen >= DECIDING_SAMPLES and not may_leak:
        return STEADY, None, None
    if not may_leak:
        return UNKNOWN, _missing(seen), None
    longer = max(DECIDING_SAMPLES / young.kept_of_series - 1.0, 1.0 / clock.count) if young.kept_of_series else None
    return UNKNOWN, _missing(young.kept_of_series), longer and longer * clock.span


def _missing(have: float) -> int:
    return max(math.ceil(DECIDING_SAMPLES - have), 1)


def _chance(changes: Iterable[float]) -> float:
    """Return the probability of a sum at least this large if each change had either sign with equal probability."""
    known = [one for one in changes if one]
    total, square = sum(known), sum(one * one for one in known)
    if total <= 0.0:
        return 1.0
    if total * total < 1.44 * square or len(known) > _EXACT_MAX:
        return math.erfc(total / math.sqrt(2.0 * square)) / 2.0
    size = sum(map(abs, known))
    scale = 1.0 if size <= _STEPS_MAX and all(one == int(one) for one in known) else _STEPS_MAX / size
    steps = [step for step in (round(one * scale) for one in known) if step]
    width = len(steps) + 1  # number of bits for a count of up to 2 ** len(steps)
    counts = 1  # all counts in one integer: for each sum of the positive steps, the number of sign choices that give it
    for step in steps:
        counts += counts << (abs(step) * width)
    ups = sum(step for step in steps if step > 0)
    choices = (counts >> (ups * width)) % ((1 << width) - 1)  # the sum of the counts from there on
    return choices / (1 << len(steps))


def _at_most(tries: float, hits: float) -> float:
    """Return the probability of at most ``hits`` heads in ``tries`` tosses of a coin."""
    count, most = round(tries), math.floor(hits + 0.5)
    if count > 200:
        return math.erfc((count - 2.0 * most - 1.0) / math.sqrt(2.0 * count)) / 2.0
    return sum(math.comb(count, number) for number in range(most + 1)) / (1 << count)
