"""Both profilers at once, at their finest, on threads that do nothing but allocate."""

from __future__ import annotations

import pytest
from child import Spender


@pytest.mark.parametrize("native", [False, True], ids=["", "native"])
def test_both_profilers_share_one_engine(spender: Spender, native: bool):
    """A tick inside the heap profiler is counted and skipped; no time and no block is lost by it."""
    spender.run(f"""
        KEPT = 200

        def allocate():
            kept = [bytearray(60_000) for _ in range(KEPT)]
            end = time.thread_time() + 0.5
            while time.thread_time() < end:
                [bytearray(1000) for _ in range(50)]
                [[] for _ in range(100)]
            held.append(kept)

        held = []
        memprof.start(64)
        spprof.start(interval_ms=1, native={native})
        used = time.process_time()
        in_threads(4, allocate)
        used = time.process_time() - used
        profile = spprof.stop()
        snapshot = memprof.get_snapshot()
        memprof.stop()
        check_total(profile, used)
        check_seconds(profile, "allocate", 2, times=8)
        assert set(profile.dropped) and sum(profile.dropped.values()) == profile.dropped["in_engine"], profile.dropped
        kept = 4 * KEPT * 60_000
        site = snapshot.top_allocators(1)[0]
        assert abs(site["estimated_bytes"] - kept) < 0.3 * kept, site
        stats = memprof.get_stats()
        assert not any(stats.dropped_samples.values()), stats
        assert stats.total_samples == stats.live_samples + stats.freed_samples, stats
    """)


def test_ticks_inside_the_heap_profiler_are_counted(spender: Spender):
    """Every allocation is sampled, so that most of the time is spent there."""
    spender.run("""
        def allocate():
            end = time.thread_time() + 1
            while time.thread_time() < end:
                [bytearray(1000) for _ in range(50)]

        memprof.start(0)
        spprof.start(interval_ms=1)
        times = 0
        while times == 0 or (drops()["in_engine"] <= 5 and times < 20):
            allocate()
            times += 1
        profile = spprof.stop()
        lost = drops()
        memprof.stop()
        assert lost["in_engine"] > 5, lost
        assert sum(lost.values()) == lost["in_engine"], lost
        assert profile.dropped_count == lost["in_engine"]
        check_seconds(profile, "allocate", times, times=3 * times)
    """)


def test_starting_and_stopping_while_threads_work(spender: Spender):
    """Both, in turns and from threads of their own, a hundred times each."""
    spender.run("""
        def work():
            while not ending.is_set():
                [bytearray(2000) for _ in range(20)]

        def turn(start, stop):
            for _ in range(100):
                start()
                time.sleep(0)
                stop()

        ending = threading.Event()
        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers: worker.start()
        turns = [
            threading.Thread(target=turn, args=(lambda: spprof.start(interval_ms=1), spprof.stop)),
            threading.Thread(target=turn, args=(lambda: memprof.start(64), memprof.stop)),
        ]
        for thread in turns: thread.start()
        for thread in turns: thread.join()
        ending.set()
        for worker in workers: worker.join()
        assert not spprof.is_active() and not memprof.is_active()
        spprof.start(interval_ms=1)
        spend(0.1)
        check_seconds(spprof.stop(), "spend", 0.1)
    """)
