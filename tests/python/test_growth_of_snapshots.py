"""``memprof.growth()`` takes a series of snapshots and returns a verdict on each site."""

from __future__ import annotations

import json
import random

import pytest
import spprof.memprof as memprof
from child import Child
from naive_heap import NaiveHeap, python_frame
from specimens import specimen
from spprof.heap.snapshot import HeapSnapshot
from spprof.results import SiteGrowth

SECOND = 10**9
LEAK, CACHE = python_frame("leak", 1, "/app/leak.py"), python_frame("cache", 2, "/app/cache.py")
MAIN = python_frame("main", 9, "/app/main.py")
FROM = 1000 * SECOND


def series(count: int = 30) -> list[HeapSnapshot]:
    """Snapshots every 10 s of a leak that grows by 40 KiB each time, sampled every 4 KiB, and of a cache of the last
    hundred blocks.
    """
    chance = random.Random(3)
    heap = NaiveHeap({1: (LEAK, MAIN), 2: (CACHE, MAIN), 3: (LEAK,)})
    cached = []
    snapshots = []
    for step in range(count):
        for _ in range(10):
            heap.add(4096, 4096, chance.choice((1, 3))).time_ns = (
                FROM + step * 10 * SECOND + chance.randrange(9 * SECOND)
            )
            cached.append(heap.add(4096, 4096, 2))
            cached[-1].time_ns = FROM + step * 10 * SECOND + chance.randrange(9 * SECOND)
        for old in cached[:-100]:
            old.live = False
        snapshots.append(heap.snapshot(now_ns=FROM + (step * 10 + 9) * SECOND))
    return snapshots


def by_function(found: list[SiteGrowth]) -> dict[str, SiteGrowth]:
    return {one.function: one for one in found}


def test_a_leak_is_growing_and_a_full_cache_is_not() -> None:
    taken = series()
    found = memprof.growth(taken)
    assert found[0].function == "leak"
    sites = by_function(found)
    leak, cache = sites["leak"], sites["cache"]
    assert (leak.verdict, leak.file, leak.line) == ("growing", "/app/leak.py", 1)
    rate = 4096 / (1 - 2.718281828**-1)
    assert leak.bytes_per_second == pytest.approx(rate, rel=0.01)
    assert leak.low is not None
    assert leak.high is not None
    assert leak.low < rate < leak.high
    assert cache.verdict in ("steady", "filling")
    assert all(share == 0 for _, share in leak.freed_shares)
    assert any(share > 0.5 for _, share in cache.freed_shares)


def test_the_order_of_snapshots_does_not_matter() -> None:
    taken = series()
    mixed = list(taken)
    random.Random(1).shuffle(mixed)
    assert memprof.growth(iter(mixed)) == memprof.growth(taken)


def test_stacks_of_one_line_are_one_site() -> None:
    assert [one.function for one in memprof.growth(series(12))].count("leak") == 1


def test_what_was_there_before_the_first_snapshot_is_no_growth() -> None:
    heap = NaiveHeap({1: (LEAK,)})
    for _ in range(200):
        heap.add(4096, 4096, 1).time_ns = FROM
    taken = [heap.snapshot(now_ns=FROM + step * 10 * SECOND) for step in range(1, 30)]
    (found,) = memprof.growth(taken)
    assert (found.verdict, found.bytes_per_second) == ("steady", 0.0)
    assert found.oldest_seconds >= 200


def test_few_snapshots_and_none_say_so() -> None:
    assert memprof.growth([]) == []
    (one,) = [site for site in memprof.growth(series()[:1]) if site.function == "leak"]
    assert (one.verdict, one.bytes_per_second) == ("unknown", None)


@pytest.mark.parametrize("wrong", [["folder"], [None], b"folder", [1, 2]])
def test_what_is_no_snapshot_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"growth\(\) takes snapshots from get_snapshot\(\), not "):
        memprof.growth(wrong)  # type: ignore[arg-type]


def test_a_program_that_leaks_is_told_where(child: Child) -> None:
    """The program's steps vary in duration, so no verdict is certain."""
    said = json.loads(child.run(specimen("growth/leak")))
    low, rate, high = said["rates"]["leak"]
    assert 0 < low <= rate <= high
    assert 0.5 < rate * said["seconds"] / (23 * 20 * 2033) < 2
    assert max(said["freed"]["leak"]) < 0.2  # the list's own memory, which moves as it grows
    assert said["freed"]["churn"][-1] > 0.9
