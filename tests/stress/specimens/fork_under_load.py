"""Forks while 16 threads allocate: each child allocates, takes a snapshot, saves it and forks again."""

from rounds import check_counters, expect_good, finish, live_on, load, rounds, run_child, start_anew

children = 0
with load(16):
    for number in rounds():
        rate = start_anew(number)
        for _ in range(5):
            expect_good(run_child(lambda: live_on(rate)))  # noqa: B023
            children += 1
        check_counters()
finish(children=2 * children)
