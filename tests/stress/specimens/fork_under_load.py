"""The program forks while 16 threads allocate. Each child allocates, takes a snapshot, saves it and forks again."""

from rounds import SHORT, check_counters, expect_good, finish, live_on, load, rounds, run_child, start_anew

FORKS = 2 if SHORT else 5

children = 0
with load(16):
    for number in rounds():
        rate = start_anew(number)
        for _ in range(FORKS):
            expect_good(run_child(lambda: live_on(rate)))  # noqa: B023
            children += 1
        check_counters()
finish(children=2 * children)
