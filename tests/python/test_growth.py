"""Verdicts on sites over a series of snapshots: how fast the sites grow, and whether their old blocks are freed.

Blocks are invented here, one sample per block; ``tests/nightly/sweep_growth.py`` draws thousands of programs.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from spprof.analysis import estimate
from spprof.analysis import growth as module
from spprof.analysis.growth import Cohort, Moment, SiteSeen, growth
from spprof.analysis.sites import SiteKey
from spprof.results import SiteGrowth

RATE = 1 << 19
KEY = SiteKey("work", "app.py", 7)
TIMES = [100.0 + 10.0 * number for number in range(60)]
SIZE = 400
WEIGHT = estimate.weigh(SIZE, RATE)[1]
SPREAD = estimate.spread(SIZE, RATE)
FOR_GOOD = math.inf


class Block(NamedTuple):
    """Samples that are live from ``born`` until ``died``, both in seconds after the first snapshot."""

    born: float
    died: float
    samples: int = 1


def cohort(born: float, samples: int) -> Cohort:
    return Cohort(born, samples, samples * WEIGHT, *(samples * part for part in SPREAD))


def nothing(now: float) -> float:
    return 0.0


def at(time: float, blocks: list[Block], freed_at_once: Callable[[float], float] = nothing) -> SiteSeen:
    """Return the site's state at this time. ``freed_at_once`` returns the number of samples freed up to a given time
    that no snapshot has seen.
    """
    now = time - TIMES[0]
    live = tuple(cohort(TIMES[0] + one.born, one.samples) for one in blocks if one.born <= now < one.died)
    allocated = sum(one.samples * WEIGHT for one in blocks if one.born <= now)
    return SiteSeen(live, allocated + freed_at_once(now) * WEIGHT)


def judge(
    blocks: list[Block], times: list[float] = TIMES, freed_at_once: Callable[[float], float] = nothing
) -> SiteGrowth:
    told = growth([Moment(time, {KEY: at(time, blocks, freed_at_once)}) for time in times], RATE)
    (one,) = told.sites
    assert (one.function, one.file, one.line) == KEY
    return one


def one_each(every: float, lifetime: float, until: float = 590.0, samples: int = 1) -> list[Block]:
    """Return blocks with equal lifetimes that are allocated one after the other."""
    return [
        Block(every * number + 1.0, every * number + 1.0 + lifetime, samples) for number in range(int(until / every))
    ]


def slope_of(values: list[float], times: list[float]) -> float:
    mean = sum(times) / len(times)
    return sum((time - mean) * value for time, value in zip(times, values)) / sum((time - mean) ** 2 for time in times)


# ---- Verdicts


def test_a_line_whose_blocks_all_stay_is_growing() -> None:
    leak = judge(one_each(20.0, FOR_GOOD))
    assert leak.verdict == "growing"
    assert leak.oldest_seconds == 589.0
    assert all(share < 1e-9 for _, share in leak.freed_shares)
    assert leak.samples_to_decide is None
    assert leak.bytes_per_second == pytest.approx(WEIGHT / 20.0, rel=0.01)
    assert leak.low is not None
    assert leak.low > 0.0


def test_a_leak_of_one_percent_is_growing_beside_what_is_freed_fast() -> None:
    young = [Block(10.0 * number - 5.0, 10.0 * number + 2.0, 20) for number in range(1, 60)]
    leak = judge(one_each(25.0, FOR_GOOD) + young, freed_at_once=lambda now: 4.0 * now)
    assert leak.verdict == "growing"
    age, share = leak.freed_shares[-1]
    assert age == 320.0
    assert share > 0.98


def test_blocks_that_are_freed_in_their_turn_are_steady() -> None:
    first_out = judge([Block(-float(number), 50.0 - number) for number in range(50)] + one_each(1.0, 50.0))
    assert first_out.verdict == "steady"
    assert first_out.oldest_seconds < 60.0
    assert first_out.freed_shares[-1] == (320.0, 1.0)


def test_what_was_loaded_once_and_stays_is_steady() -> None:
    """Nothing was allocated or freed. The interval covers allocations that may have gone unsampled."""
    loaded = judge([Block(-3.0, FOR_GOOD, 40)])
    assert loaded.verdict == "steady"
    assert loaded.bytes_per_second == 0.0
    assert loaded.low is not None
    assert loaded.low == -loaded.high  # type: ignore[operator]
    assert loaded.high == pytest.approx(math.log(20) * RATE * 1.5 / 590.0, rel=0.02)


def test_a_cache_that_fills_up_in_the_course_of_the_series_is_filling() -> None:
    assert judge(one_each(3.0, 330.0)).verdict == "filling"
    faster = [Block(590.0 * (number / 120) ** 0.3, FOR_GOOD) for number in range(120)]
    slower = [Block(590.0 - one.born, FOR_GOOD) for one in faster]
    assert judge(faster).verdict == "growing"
    assert judge(slower).verdict == "filling"


def test_a_leak_of_a_line_that_works_in_the_day_is_not_filling_at_night() -> None:
    """If most blocks are freed, growth is measured against allocated bytes instead of time."""
    leak = [Block(4.0 * number, FOR_GOOD) for number in range(90)]
    leak += [Block(360.0 + 20.0 * number, FOR_GOOD) for number in range(12)]
    assert (
        judge(leak, freed_at_once=lambda now: 25.0 * min(now, 360.0) + 5.0 * max(now - 360.0, 0.0)).verdict == "growing"
    )
    assert judge(leak, freed_at_once=lambda now: 25.0 * now).verdict == "filling", "as much work at night"
    assert judge(leak).verdict == "filling", "nothing else tells of less work"


def test_few_samples_are_unknown_with_what_would_decide() -> None:
    few = judge(one_each(200.0, FOR_GOOD))
    assert few.verdict == "unknown"
    assert few.samples_to_decide == module.DECIDING_SAMPLES - 2
    assert few.seconds_to_decide is not None
    assert few.seconds_to_decide == pytest.approx(590.0 * (module.DECIDING_SAMPLES / 2 - 1))
    longer = one_each(200.0, FOR_GOOD, 590.0 + 1.2 * few.seconds_to_decide)
    times = [100.0 + (590.0 + 1.2 * few.seconds_to_decide) / 59 * number for number in range(60)]
    assert judge(longer, times).verdict == "growing"


def test_many_samples_in_few_snapshots_are_growing_and_in_fewer_unknown() -> None:
    leak = one_each(0.7, FOR_GOOD)
    assert judge(leak, TIMES[:14]).verdict == "growing"
    early = judge(leak, TIMES[:8])
    assert early.verdict == "unknown"
    assert (early.samples_to_decide, early.seconds_to_decide) == (1, 70.0 / 8.0)


def test_a_few_samples_that_stay_are_unknown_beside_many_that_were_freed() -> None:
    assert judge(one_each(150.0, FOR_GOOD), freed_at_once=lambda now: 10.0 * now).verdict == "unknown"
    assert judge([Block(580.0, FOR_GOOD, 2)], freed_at_once=lambda now: 10.0 * now).verdict == "steady"


@pytest.mark.parametrize("late", [300.0, 450.0, 570.0])
def test_one_large_load_is_not_growth(late: float) -> None:
    loaded = [Block(-1.0, FOR_GOOD, 10), Block(late, FOR_GOOD, 300)]
    assert judge(loaded).verdict != "growing"


def test_batches_that_are_freed_are_not_growth() -> None:
    """The last batch is still live."""
    batches = [Block(100.0 * number, 100.0 * number + 99.0, 200) for number in range(6)]
    assert judge(batches).verdict != "growing"
    longer = [Block(250.0 * number, 250.0 * number + 249.0, 200) for number in range(3)]
    assert judge(longer).verdict != "growing"


def test_blocks_of_which_most_are_freed_late_are_not_growing() -> None:
    kept = one_each(10.0, FOR_GOOD)
    assert judge(kept).verdict == "growing"
    freed = [one._replace(died=560.0) if one.born < 350.0 and number % 3 else one for number, one in enumerate(kept)]
    assert judge(freed).verdict != "growing"


def test_more_and_more_blocks_that_are_freed_in_their_turn_are_not_growing() -> None:
    """During the rising part of a wave, the number of old blocks increases steadily."""
    births = [590.0 * math.sqrt(number / 400) for number in range(400)]
    rising = judge([Block(born, born + 150.0) for born in births])
    assert rising.low is not None
    assert rising.low > 0.0
    assert rising.verdict != "growing"
    assert judge([Block(born, FOR_GOOD) for born in births]).verdict == "growing"


def test_growth_before_the_profiler_looked_does_not_count() -> None:
    before = [Block(-float(number), FOR_GOOD) for number in range(100)]
    assert judge(before).verdict == "steady"
    assert judge(before[:8]).verdict == "unknown"
    assert judge(before[:8]).samples_to_decide == module.DECIDING_SAMPLES - 8
    assert judge([*before[:8], *one_each(1.0, 4.0)]).verdict == "steady"


def test_a_leak_beside_much_that_stays_is_growing() -> None:
    assert judge([Block(-1.0, FOR_GOOD, 1000), *one_each(25.0, FOR_GOOD)]).verdict == "growing"


# ---- Rates


def test_the_rate_is_the_slope_through_the_live_bytes() -> None:
    blocks = [*one_each(7.0, 130.0), *one_each(31.0, FOR_GOOD), Block(-5.0, 200.0, 9), Block(-5.0, FOR_GOOD, 4)]
    live = [sum(one.bytes for one in at(time, blocks).live) for time in TIMES]
    rate = judge(blocks).bytes_per_second
    assert rate == pytest.approx(slope_of(live, TIMES), rel=1e-9)


def test_what_stays_adds_nothing_to_the_uncertainty() -> None:
    alone, beside = judge(one_each(25.0, FOR_GOOD)), judge([*one_each(25.0, FOR_GOOD), Block(-1.0, FOR_GOOD, 5000)])
    assert beside.bytes_per_second == pytest.approx(alone.bytes_per_second)
    assert (beside.low, beside.high) == pytest.approx((alone.low, alone.high))


def test_where_every_allocation_is_sampled_the_rate_is_exact() -> None:
    live = [tuple(Cohort(time, 1, 1000.0, 0.0, 0.0) for time in TIMES[:index]) for index in range(60)]
    moments = [Moment(time, {KEY: SiteSeen(some, 1000.0 * len(some))}) for time, some in zip(TIMES, live)]
    (one,) = growth(moments, 0).sites
    assert one.verdict == "growing"
    assert one.low == one.high == one.bytes_per_second == pytest.approx(100.0)


def test_two_snapshots_have_a_rate_and_no_verdict() -> None:
    one = judge([Block(-1.0, FOR_GOOD, 50), Block(5.0, FOR_GOOD, 50)], TIMES[:2])
    assert one.bytes_per_second == pytest.approx(5.0 * WEIGHT)
    assert one.verdict == "unknown"


def test_the_variance_is_that_of_all_pairs_of_snapshots() -> None:
    """The covariance of two snapshots is the variance of the samples that are in both."""
    times = [0.0, 1.0, 2.5, 3.0, 7.0, 8.0]
    blocks = [Block(-1.0, 2.7, 3), Block(0.5, 9.0, 5), Block(2.0, 7.5, 2), Block(2.6, 9.0), Block(7.9, 9.0, 4)]
    mean, square = sum(times) / 6, slope_of([time**2 for time in times], times)
    assert square  # the times are not evenly spaced
    weights = [(time - mean) / sum((one - mean) ** 2 for one in times) for time in times]
    shared = [
        [
            sum(one.samples * SPREAD[0] for one in blocks if one.born <= min(pair) and max(pair) < one.died)
            for pair in zip(itertools.repeat(time), times)
        ]
        for time in times
    ]
    variance = sum(weights[i] * weights[j] * shared[i][j] for i in range(6) for j in range(6))
    clock = module._Clock(times, RATE)
    sides = [
        (one.samples * SPREAD[0] * (clock.reach[end] - clock.reach[first]) ** 2)
        for one in blocks
        for first, end in [(sum(time < one.born for time in times), sum(time < one.died for time in times))]
    ]
    assert sum(sides) == pytest.approx(variance, rel=1e-9)


# ---- Sampling rates that change


def finer(blocks: list[Block], since: float, share: int) -> list[Moment]:
    """Return a series in which later blocks are sampled ``share`` times as often, with each sample representing
    proportionally less.
    """

    def of(one: Block) -> Cohort:
        whole = cohort(TIMES[0] + one.born, one.samples)
        if one.born < since:
            return whole
        return Cohort(whole.born, whole.samples * share, whole.bytes, whole.variance / share, whole.skewness / share**2)

    lives = [tuple(of(one) for one in blocks if one.born <= time - TIMES[0] < one.died) for time in TIMES]
    return [Moment(time, {KEY: SiteSeen(live, WEIGHT * 60)}) for time, live in zip(TIMES, lives)]


def test_samples_that_became_more_frequent_are_not_growth() -> None:
    """The growth amounts to two and a half blocks, in 40 samples and ten intervals."""
    came = [Block(325.0 + 25.0 * number, FOR_GOOD) for number in range(10)]
    moments = finer([Block(-1.0, FOR_GOOD, 20), *came], 300.0, 4)
    quarter = [Moment(time, {KEY: SiteSeen(tuple(map(a_quarter, sites[KEY].live)), 1.0)}) for time, sites in moments]
    assert growth(moments, RATE).sites[0].verdict == "growing"
    assert growth(quarter, RATE).sites[0].verdict == "unknown"


def a_quarter(one: Cohort) -> Cohort:
    if one.born < 300.0:
        return one
    return Cohort(one.born, one.samples, one.bytes / 4, one.variance / 16, one.skewness / 64)


def test_samples_that_a_full_table_gave_up_are_not_freed() -> None:
    """From the middle of the series on, fewer samples represent about as much memory."""

    def thin(one: Cohort) -> Cohort:
        left = one.samples // 2 + (round(one.born) // 20) % 2
        return Cohort(one.born, left, 2.0 * left * WEIGHT, 4.0 * left * SPREAD[0], 8.0 * left * SPREAD[1])

    leak = one_each(20.0, FOR_GOOD, samples=4)
    seen = [at(time, leak) for time in TIMES]
    seen = [one if index < 30 else one._replace(live=tuple(map(thin, one.live))) for index, one in enumerate(seen)]
    (told,) = growth([Moment(time, {KEY: one}) for time, one in zip(TIMES, seen)], 2.0 * RATE).sites
    assert told.verdict == "growing"
    bytes_of = [sum(one.bytes for one in each.live) for each in seen]
    assert told.bytes_per_second == pytest.approx(slope_of(bytes_of, TIMES))


# ---- Bad input


def test_one_snapshot_has_no_rate() -> None:
    one = judge([Block(-30.0, FOR_GOOD, 50)], TIMES[:1])
    assert (one.bytes_per_second, one.low, one.high, one.verdict) == (None, None, None, "unknown")
    assert one.oldest_seconds == 30.0
    assert one.freed_shares == ()


def test_no_snapshot_and_no_sample_have_no_site() -> None:
    assert growth([], RATE) == module.Growth([], ())
    assert growth([Moment(time, {}) for time in TIMES], RATE).sites == []
    assert growth([Moment(time, {KEY: SiteSeen((), 5.0)}) for time in TIMES], RATE).sites == []


def test_of_clocks_that_jump_back_the_longest_part_is_used() -> None:
    leak = one_each(20.0, FOR_GOOD)
    seen = [at(time, leak) for time in TIMES]
    times = [TIMES[0] + 5000.0 + number for number in range(10)] + TIMES[10:]
    told = growth([Moment(time, {KEY: one}) for time, one in zip(times, seen)], RATE)
    assert told.used == tuple(range(10, 60))
    assert told.sites[0].bytes_per_second == pytest.approx(judge(leak, TIMES[10:]).bytes_per_second)


def test_one_time_that_is_behind_is_left_out() -> None:
    leak = one_each(20.0, FOR_GOOD)
    times = [*TIMES[:30], 3.0, *TIMES[31:]]
    told = growth([Moment(time, {KEY: at(right, leak)}) for time, right in zip(times, TIMES)], RATE)
    assert told.used == (*range(30), *range(31, 60))
    assert told.sites[0].verdict == "growing"


def test_times_that_are_equal_or_no_numbers_are_left_out() -> None:
    leak = one_each(20.0, FOR_GOOD)
    times = [TIMES[0], math.nan, TIMES[0], math.inf, *TIMES[1:], TIMES[-1]]
    seen = [at(TIMES[0], leak)] * 4 + [at(time, leak) for time in TIMES[1:]] + [at(TIMES[-1], leak)]
    told = growth([Moment(time, {KEY: one}) for time, one in zip(times, seen)], RATE)
    assert told.used == (0, *range(4, 63))
    assert told.sites == [judge(leak)]
    assert growth([Moment(5.0, {KEY: seen[-1]})] * 4, RATE).used == (0,)
    assert growth([Moment(math.nan, {KEY: seen[-1]})] * 4, RATE).sites == []


@pytest.mark.parametrize(
    "bad",
    [(200.0, 1, math.nan, 1.0, 1.0), (200.0, -1, 5.0, 1.0, 1.0), (math.nan, 1, 1.0, 1.0, 1.0), (-math.inf, 1, 1, 1, 1)],
)
@pytest.mark.parametrize("times", [1, 2])
def test_samples_that_are_no_numbers_are_left_out(bad: tuple[Any, ...], times: int) -> None:
    leak = one_each(20.0, FOR_GOOD)
    moments = [Moment(time, {KEY: SiteSeen((Cohort(*bad),) * times + at(time, leak).live, math.nan)}) for time in TIMES]
    (one,) = growth(moments, RATE).sites
    assert (one.verdict, one.bytes_per_second, one.freed_shares) == ("growing", judge(leak).bytes_per_second, ())
    assert growth([Moment(time, {KEY: SiteSeen((Cohort(*bad),), 0.0)}) for time in TIMES], RATE).sites == []


def test_a_site_may_be_missing_from_snapshots() -> None:
    """The site is missing from snapshots in which it has nothing live and has allocated nothing new."""
    blocks = [*one_each(30.0, 25.0), Block(600.0, FOR_GOOD)]
    whole = [Moment(time, {KEY: at(time, blocks)}) for time in TIMES]
    partly = [moment if moment.sites[KEY].live else Moment(moment.seconds, {}) for moment in whole]
    assert growth(partly, RATE).sites[0].low == growth(whole, RATE).sites[0].low
    assert any(not moment.sites for moment in partly)
    assert partly[-1].sites == {}
    assert growth(partly, RATE).sites[0].oldest_seconds == 0.0


def test_samples_may_come_in_parts_and_in_any_order() -> None:
    leak = one_each(20.0, FOR_GOOD, samples=3)
    parts = [
        Moment(time, {KEY: at(time, [one._replace(samples=1) for one in leak for _ in range(3)][::-1])})
        for time in TIMES
    ]
    whole = judge(leak)
    (one,) = growth(parts, RATE).sites
    assert (one.verdict, one.low, one.high) == (whole.verdict, pytest.approx(whole.low), pytest.approx(whole.high))


# ---- Order and cost


def test_what_grows_comes_first_the_fastest_before() -> None:
    of = {"slow": one_each(30.0, FOR_GOOD), "steady": one_each(1.0, 50.0), "fast": one_each(10.0, FOR_GOOD)}
    of["jumps"] = [Block(500.0, FOR_GOOD, 900)]
    keys = {name: SiteKey(name, "app.py", 1) for name in of}
    moments = [Moment(time, {keys[name]: at(time, blocks) for name, blocks in of.items()}) for time in TIMES]
    assert [one.function for one in growth(moments, RATE).sites] == ["fast", "slow", "jumps", "steady"]


def calls(moments: list[Moment]) -> int:
    """Return the number of calls, including those of C functions, that it takes to judge these snapshots."""
    counted = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        growth(moments, RATE)
    finally:
        sys.setprofile(None)
    return counted


def test_thousands_of_sites_that_do_not_change_cost_a_few_calls_each() -> None:
    sites = {SiteKey("f", "app.py", line): at(100.0, [Block(-9.0, FOR_GOOD, 5)] * 3) for line in range(2000)}
    assert calls([Moment(time, sites) for time in TIMES]) < 2000 * (60 * 2 + 130)


def test_what_changes_costs_a_few_calls_for_each_change() -> None:
    blocks = one_each(1.0, 200.0)
    moments = [Moment(time, {KEY: at(time, blocks)}) for time in TIMES]
    changes = len(blocks) * 2
    rows = sum(len(moment.sites[KEY].live) for moment in moments)
    assert calls(moments) < 40 * changes + 12 * rows + 3000


# ---- Probabilities


@pytest.mark.parametrize(
    "changes", [[1, 1, 1, 1, 1], [3, -1, 2, 0, 1], [5, -2, 4, 1, -1, 7, 0, 2], [0.5, 0.25, 0.5, 1]]
)
def test_the_chance_of_a_sum_is_that_of_all_choices_of_signs(changes: list[float]) -> None:
    sums = [
        sum(sign * abs(one) for sign, one in zip(signs, changes))
        for signs in itertools.product((1, -1), repeat=len(changes))
    ]
    assert module._chance(changes) == pytest.approx(sum(one >= sum(changes) for one in sums) / len(sums))


def test_the_chance_of_large_and_of_no_sums() -> None:
    assert module._chance([]) == module._chance([0.0, -3.0, 1.0]) == 1.0
    assert module._chance([1e9] * 5) == 1 / 32
    large = [1000.0 + number for number in range(40)] + [-900.0] * 10
    assert module._chance(large) < 1e-4


def test_the_chance_of_thousands_of_changes() -> None:
    assert module._chance([1.0] * 2000) < 1e-100
    assert module._chance([1.0, -1.0] * 1000 + [1.0] * 80) == pytest.approx(0.0413, rel=0.1)
    assert module._chance([9.0, -9.0] * 60 + [9.0] * 8) == pytest.approx(module._chance([1.0, -1.0] * 60 + [1.0] * 8))


@pytest.mark.parametrize(("tries", "hits"), [(0, 0), (5, 0), (10, 3), (200, 80), (201, 80), (1000, 460)])
def test_the_chance_of_few_heads(tries: int, hits: int) -> None:
    exact = sum(math.comb(tries, number) for number in range(hits + 1)) / 2**tries
    assert module._at_most(tries, hits) == pytest.approx(exact, rel=0.05)


# ---- Drawn programs, with fixed seeds


@pytest.fixture(scope="module")
def drawn() -> Any:
    pytest.importorskip("numpy")
    import growing_sites

    return growing_sites


RUNS = 200


def verdicts(drawn: Any, name: str, samples: float, seed: int) -> tuple[list[str], float]:
    """Return the verdict on each run, and the share of intervals that contain the true rate."""
    import numpy as np

    rng = np.random.default_rng(seed)
    times = drawn.thinned(599.0, 10.0, 60)
    if name == "LRU":
        one = drawn.lru_series(rng, samples, times, RUNS // 4, 0.0)
    else:
        one = drawn.series(rng, drawn.SITES[name], np.full(RUNS, samples), times, drawn.MIXED)
    told = growth(one.moments, drawn.RATE).sites
    held = [site.low <= one.slopes[site.line] <= site.high for site in told]  # type: ignore[operator]
    return [site.verdict for site in told], sum(held) / len(held)


@pytest.mark.long
@pytest.mark.parametrize("name", ["leak of 1 %", "leak of 5 %", "leak of 20 %"])
def test_leaks_are_growing(drawn: Any, name: str) -> None:
    found, held = verdicts(drawn, name, 25.0, 11)
    assert found.count("growing") / RUNS > 0.9
    assert 0.9 < held < 0.99


@pytest.mark.long
@pytest.mark.parametrize("name", ["steady", "FIFO", "FIFO, new", "random eviction", "daily wave", "LRU"])
def test_steady_programs_are_not_growing(drawn: Any, name: str) -> None:
    found, held = verdicts(drawn, name, 25.0, 12)
    assert found.count("growing") / len(found) < 0.05
    assert found.count("steady") / len(found) > 0.5
    assert 0.88 < held <= 1.0
