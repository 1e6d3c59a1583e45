"""Sites with known growth, as a series of snapshots would show them: many seeded runs of each.

Samples are drawn as a Poisson process, together with the data needed to compute the true values. Large blocks, which
are often sampled, are drawn one by one; small blocks are so numerous that their live bytes equal their mean. Time is
measured in units of the series: 0 is its first snapshot, 1 its last. A run is one site of a series, so one call of
``growth`` judges all runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from spprof.analysis import estimate
from spprof.analysis.growth import Cohort, Moment, SiteSeen
from spprof.analysis.sites import SiteKey

RATE = 512 * 1024
Numbers = Any
"""A numpy array. numpy's stubs need a newer Python than the oldest one that we support."""


class Blocks(NamedTuple):
    """The blocks of all runs: each block's run, and the times at which it was allocated and freed."""

    run: Numbers
    born: Numbers
    died: Numbers
    number: Numbers
    """The number of blocks that an entry represents. It is 1, except that blocks which no snapshot sees are combined
    and freed at birth.
    """


class Site(NamedTuple):
    """One kind of program."""

    draw: Callable[[Any, Numbers, Numbers, float], Blocks]
    """Returns the blocks, given a random generator, the parameters and expected samples of each run, and the time
    between two snapshots.
    """
    mean: Callable[[Numbers, Numbers, Numbers], Numbers]
    """Returns the expected number of live samples for each run and time, given parameters, samples and times."""
    parameters: Callable[[Any, int], Numbers]
    """Returns one row per run, given a random generator and the number of runs."""


class Size(NamedTuple):
    share: float
    """The share of a site's samples."""
    bytes: int


ONE_SIZE = (Size(1.0, 400),)
MIXED = (Size(0.5, 200), Size(0.25, 6 * 1024), Size(0.15, 100 * 1024), Size(0.1, 1024 * 1024))


# ---- Processes


LIFETIMES = 12.0
"""A block is assumed freed after this many mean lifetimes."""


def repeated(counts: Numbers) -> Numbers:
    return np.repeat(np.arange(len(counts)), counts)


def always(run: Numbers, born: Numbers, died: Numbers) -> Blocks:
    return Blocks(run, born, died, np.ones(len(run)))


def exponential(rng: Any, live: Numbers, lifetime: Numbers, gap: float) -> Blocks:
    """Draw the blocks allocated during the series: ``live`` of them on average, with exponential lifetimes.

    If the lifetimes are much shorter than the time between two snapshots, draw only blocks that a snapshot sees.
    """
    count = round(1.0 / gap)
    short = LIFETIMES * lifetime < gap
    run = repeated(rng.poisson(np.where(short, live, 0.0) * count))
    at = gap * rng.integers(1, count + 1, len(run))
    before, after = rng.exponential(1.0, (2, len(run))) * lifetime[run]
    met = always(run, at - before, at + after)
    shape = (len(live), count)
    others = rng.poisson(np.where(short, live * np.maximum(gap / lifetime - 1.0, 0.0), 0.0)[:, None] + np.zeros(shape))
    run, slot = others.nonzero()
    born = gap * (slot + 0.5)
    missed = Blocks(run, born, born, others[run, slot])
    run = repeated(rng.poisson(np.where(short, 0.0, live) / lifetime))
    born = rng.random(len(run))
    return joined([met, missed, always(run, born, born + rng.exponential(1.0, len(run)) * lifetime[run])])


def joined(parts: list[Blocks]) -> Blocks:
    return Blocks(*(np.concatenate(columns) for columns in zip(*parts)))


def churn(rng: Any, live: Numbers, lifetime: Numbers, gap: float, cold: bool = False) -> Blocks:
    """Draw ``live`` blocks on average, with exponential lifetimes. If ``cold``, none is live at the start."""
    parts = [exponential(rng, live, lifetime, gap)]
    if not cold:
        run = repeated(rng.poisson(live))
        age, rest = rng.exponential(1.0, (2, len(run))) * lifetime[run]
        parts.append(always(run, -age, rest))
    return joined(parts)


# ---- Steady: lifetimes of three kinds, from short to longer than the series


def steady_parameters(rng: Any, runs: int) -> Numbers:
    return 10.0 ** rng.uniform(-2.5, 0.7, (runs, 3))


def steady(rng: Any, lifetimes: Numbers, live: Numbers, gap: float) -> Blocks:
    return joined([churn(rng, live / 3.0, lifetimes[:, kind], gap) for kind in range(3)])


def level(parameters: Numbers, live: Numbers, times: Numbers) -> Numbers:
    return np.repeat(live[:, None], len(times), axis=1)


# ---- Caches. Parameters: the time to fill one, and when filling started


def old_cache(rng: Any, runs: int) -> Numbers:
    """A cache that was full long before the series began."""
    fill = 10.0 ** rng.uniform(-1.5, 0.7, runs)
    return np.stack([fill, np.full(runs, -np.inf)], axis=1)


def new_cache(rng: Any, runs: int) -> Numbers:
    """A cache that starts empty with the series and is full within the first third."""
    return np.stack([rng.uniform(0.02, 0.35, runs), np.zeros(runs)], axis=1)


def late_cache(rng: Any, runs: int) -> Numbers:
    """A cache that starts empty with the series and is full within the middle third."""
    return np.stack([rng.uniform(0.35, 0.65, runs), np.zeros(runs)], axis=1)


def cache_mean(parameters: Numbers, live: Numbers, times: Numbers) -> Numbers:
    fill, begin = parameters[:, :1], parameters[:, 1:2]
    return live[:, None] * np.minimum((times[None, :] - begin) / fill, 1.0)


def cache_births(rng: Any, parameters: Numbers, live: Numbers, fills: float) -> tuple[Numbers, Numbers]:
    """Draw everything that is put into the cache, starting ``fills`` fill times before the series."""
    fill, begin = parameters[:, 0], np.maximum(parameters[:, 1], -fills * parameters[:, 0])
    run = repeated(rng.poisson(live / fill * (1.0 - begin)))
    return run, begin[run] + (1.0 - begin[run]) * rng.random(len(run))


def first_out(rng: Any, parameters: Numbers, live: Numbers, gap: float) -> Blocks:
    """Draw a cache that evicts the oldest entry for each new one."""
    run, born = cache_births(rng, parameters, live, 1.0)
    return always(run, born, born + parameters[run, 0])


def any_out(rng: Any, parameters: Numbers, live: Numbers, gap: float) -> Blocks:
    """Draw a cache that, once full, evicts a random entry for each new one."""
    run, born = cache_births(rng, parameters, live, LIFETIMES)
    fill, begin = parameters[run, 0], parameters[run, 1]
    age = rng.exponential(1.0, len(run)) * fill
    return always(run, born, np.maximum(born, begin + fill) + age)


# ---- Least recently used: keys are requested according to a power law, simulated request by request

LRU_KEYS = 4000
LRU_BLOCK = 48 * 1024


def lru_runs(rng: Any, runs: int, live: float, fill: Numbers, begin: float) -> Blocks:
    """Simulate every block, sampled or not. ``live`` is the number of blocks in the cache; ``fill`` is the maximum time
    to fill it.
    """
    parts = []
    popularity = 1.0 / np.arange(1, LRU_KEYS + 1) ** 0.8
    popularity /= popularity.sum()
    capacity = round(live)
    for number in range(runs):
        pace = lru_pace(popularity, capacity) / fill[number]
        count = rng.poisson(pace * (1.0 - begin))
        keys = rng.choice(LRU_KEYS, count, p=popularity)
        when = np.sort(rng.uniform(begin, 1.0, count))
        born, died = lru(keys.tolist(), when.tolist(), capacity)
        parts.append(always(np.full(len(born), number), np.array(born), np.array(died)))
    return joined(parts)


def lru_pace(popularity: Numbers, capacity: int) -> float:
    """Return the number of requests after which ``capacity`` distinct keys are expected."""
    low, high = 1.0, 1e9
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        if (1.0 - np.exp(-middle * popularity)).sum() < capacity:
            low = middle
        else:
            high = middle
    return high


def lru(keys: list[int], when: list[float], capacity: int) -> tuple[list[float], list[float]]:
    cached: dict[int, float] = {}
    births, deaths = [], []
    for key, time in zip(keys, when):
        born = cached.pop(key, None)
        if born is None and len(cached) == capacity:
            births.append(cached.pop(next(iter(cached))))
            deaths.append(time)
        cached[key] = time if born is None else born
    births += cached.values()
    deaths += [math.inf] * len(cached)
    return births, deaths


# ---- A wave. Parameters: the days of the series, the hour of its start, depth and three lifetimes


def wave_parameters(rng: Any, runs: int) -> Numbers:
    days = 10.0 ** rng.uniform(-0.7, 1.0, runs)
    hours = 10.0 ** rng.uniform(-2.0, 0.3, (3, runs))
    return np.stack(
        [days, rng.uniform(0, 2 * np.pi, runs), rng.uniform(0.3, 0.95, runs), *(hours / 24.0 / days)], axis=1
    )


def wave(rng: Any, parameters: Numbers, live: Numbers, gap: float) -> Blocks:
    days, phase, depth = parameters[:, 0], parameters[:, 1], parameters[:, 2]
    parts = [churn(rng, live / 3.0 * (1.0 + depth), parameters[:, column], gap) for column in (3, 4, 5)]
    blocks = joined(parts)
    depth = depth[blocks.run]
    high = 1.0 + depth * np.sin(2 * np.pi * days[blocks.run] * blocks.born + phase[blocks.run])
    number = rng.binomial(blocks.number.astype(int), high / (1.0 + depth))
    return Blocks(*(column[number > 0] for column in (*blocks[:3], number)))


def wave_mean(parameters: Numbers, live: Numbers, times: Numbers) -> Numbers:
    days, phase, depth = (parameters[:, column, None] for column in range(3))
    pace = 2 * np.pi * days
    total = np.zeros((len(live), len(times)))
    for column in (3, 4, 5):
        turn = pace * parameters[:, column, None]
        behind = np.sin(pace * times[None, :] + phase - np.arctan(turn)) / np.sqrt(1.0 + turn**2)
        total += live[:, None] / 3.0 * (1.0 + depth * behind)
    return total


# ---- Leaks: a share of the allocated blocks is never freed, and the rest is freed soon


class Leak:
    """A leak. A run's ``samples`` are those of the leak at the end. Parameters: the mean lifetime of freed blocks."""

    def __init__(self, share: float, longest: float = 1 / 60) -> None:
        self.share = share
        self.longest = longest

    def parameters(self, rng: Any, runs: int) -> Numbers:
        return self.longest * 10.0 ** rng.uniform(-2.0, 0.0, (runs, 1))

    def draw(self, rng: Any, lifetimes: Numbers, leaked: Numbers, gap: float) -> Blocks:
        run = repeated(rng.poisson(leaked))
        stay = always(run, rng.random(len(run)), np.full(len(run), np.inf))
        if self.share >= 1.0:
            return stay
        lifetime = lifetimes[:, 0]
        live = leaked * (1.0 / self.share - 1.0) * lifetime
        return joined([stay, churn(rng, live, lifetime, gap, cold=True)])

    def mean(self, lifetimes: Numbers, leaked: Numbers, times: Numbers) -> Numbers:
        grown = leaked[:, None] * times[None, :]
        if self.share >= 1.0:
            return grown
        live = leaked[:, None] * (1.0 / self.share - 1.0) * lifetimes
        return grown + live * -np.expm1(-times[None, :] / lifetimes)


def leak(share: float) -> Site:
    one = Leak(share)
    return Site(one.draw, one.mean, one.parameters)


SITES = {
    "steady": Site(steady, level, steady_parameters),
    "steady, long-lived": Site(steady, level, lambda rng, runs: 10.0 ** rng.uniform(-0.3, 1.5, (runs, 3))),
    "slowly filling": Site(
        lambda rng, lifetimes, live, gap: churn(rng, live, lifetimes[:, 0], gap, cold=True),
        lambda lifetimes, live, times: live[:, None] * -np.expm1(-times[None, :] / lifetimes),
        lambda rng, runs: rng.uniform(0.05, 0.5, (runs, 1)),
    ),
    "FIFO": Site(first_out, cache_mean, old_cache),
    "FIFO, new": Site(first_out, cache_mean, new_cache),
    "FIFO, full late": Site(first_out, cache_mean, late_cache),
    "random eviction": Site(any_out, cache_mean, old_cache),
    "random eviction, new": Site(any_out, cache_mean, new_cache),
    "random eviction, full late": Site(any_out, cache_mean, late_cache),
    "daily wave": Site(wave, wave_mean, wave_parameters),
    "leak of 1 %": leak(0.01),
    "leak of 5 %": leak(0.05),
    "leak of 20 %": leak(0.2),
    "leak of everything": leak(1.0),
}


# ---- Series


class Series(NamedTuple):
    moments: list[Moment]
    slopes: Numbers
    """The true slope of each run, in bytes per second."""
    samples: Numbers
    """The number of live samples at the end."""


def thinned(seconds: float, every: float, keep: int) -> Numbers:
    """Return the times of the snapshots that are still kept after this many seconds."""
    times: list[float] = []
    step = every
    now = 0.0
    while now <= seconds:
        if len(times) == keep:
            times = times[::2]
            step *= 2.0
            now = times[-1] + step
            continue
        times.append(now)
        now += step
    return np.array(times)


def series(rng: Any, site: Site, samples: Numbers, times: Numbers, sizes: tuple[Size, ...] = ONE_SIZE) -> Series:
    """Draw a series with ``samples`` expected samples per run and snapshots at ``times``, in seconds from 0."""
    span = times[-1]
    gap = 1.0 / (len(times) - 1)
    parameters = site.parameters(rng, len(samples))
    truth = np.zeros((len(samples), len(times)))
    sampled = []
    for size in sizes:
        probability, weight, _ = estimate.weigh(size.bytes, RATE)
        expected = samples * size.share
        one_by_one = probability > 0.05
        blocks = site.draw(rng, parameters, expected / probability if one_by_one else expected, gap)
        if one_by_one:
            truth += size.bytes * live_at(blocks, times / span, len(samples))
            chosen = rng.random(len(blocks.run)) < probability
            blocks = Blocks(*(column[chosen] for column in blocks))
        else:
            truth += weight * site.mean(parameters, expected, times / span)
        sampled.append((size.bytes, blocks))
    return seen(sampled, truth, times)


def lru_series(rng: Any, live: float, times: Numbers, runs: int, begin: float) -> Series:
    """Draw a series of a cache of ``live`` samples. ``begin`` is the time when it was empty, in units of the series."""
    probability, _, _ = estimate.weigh(LRU_BLOCK, RATE)
    fill = 10.0 ** rng.uniform(-1.5, -0.5, runs)
    blocks = lru_runs(rng, runs, live / probability, fill, begin)
    truth = LRU_BLOCK * live_at(blocks, times / times[-1], runs)
    chosen = rng.random(len(blocks.run)) < probability
    return seen([(LRU_BLOCK, Blocks(*(column[chosen] for column in blocks)))], truth, times)


def live_at(blocks: Blocks, at: Numbers, runs: int) -> Numbers:
    changes = np.zeros((runs, len(at) + 1))
    np.add.at(changes, (blocks.run, np.searchsorted(at, blocks.born)), 1.0)
    np.add.at(changes, (blocks.run, np.searchsorted(at, blocks.died)), -1.0)
    return changes.cumsum(axis=1)[:, :-1]


def seen(sampled: list[tuple[int, Blocks]], truth: Numbers, times: Numbers) -> Series:
    runs, count = truth.shape
    allocated = np.zeros((runs, count + 1))
    at = times / times[-1]
    places, values = [], []
    for size, blocks in sampled:
        _, weight, _ = estimate.weigh(size, RATE)
        first, end = np.searchsorted(at, blocks.born), np.searchsorted(at, blocks.died)
        np.add.at(allocated, (blocks.run, first), weight * blocks.number)
        length = np.maximum(end - first, 0)
        block = np.repeat(np.arange(len(length)), length)
        index = np.arange(len(block)) - np.repeat(length.cumsum() - length, length) + first[block]
        places.append((index * runs + blocks.run[block]) * count + first[block])
        values.append(np.repeat(np.array([[1.0, weight, *estimate.spread(size, RATE)]]), len(block), axis=0))
    live: list[list[list[Cohort]]] = [[[] for _ in range(runs)] for _ in range(count)]
    place, inverse = np.unique(np.concatenate(places), return_inverse=True)
    sums = np.stack([np.bincount(inverse, column, len(place)) for column in np.concatenate(values).T], axis=1)
    when = times.tolist()
    for one, (samples, space, variance, skewness) in zip(place.tolist(), sums.tolist()):
        row, slot = divmod(one, count)
        index, run = divmod(row, runs)
        live[index][run].append(Cohort(when[slot], round(samples), space, variance, skewness))
    totals = allocated.cumsum(axis=1).T.tolist()
    keys = [SiteKey("run", "growing.py", number) for number in range(runs)]
    moments = [
        Moment(when[index], {key: SiteSeen(tuple(cohorts), total) for key, cohorts, total in zip(keys, row, of)})
        for index, (row, of) in enumerate(zip(live, totals))
    ]
    centred = times - times.mean()
    slopes = truth @ centred / (centred**2).sum()
    return Series(moments, slopes, np.array([sum(one.samples for one in cohorts) for cohorts in live[-1]]))
