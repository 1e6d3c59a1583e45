"""Threads fork at once while eight others allocate; a child's only thread is not the one that started Python."""

import threading

from rounds import SHORT, check, check_counters, expect_good, finish, live_on, load, rounds, run_child, start_anew

FORKING = 3 if SHORT else 4
errors = []


def fork(rate):
    try:
        for _ in range(2):
            expect_good(run_child(lambda: live_on(rate)))
    except BaseException as error:
        errors.append(error)


children = 0
with load(8):
    for number in rounds():
        rate = start_anew(number)
        threads = [threading.Thread(target=fork, args=(rate,)) for _ in range(FORKING)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check(not errors, f"in a thread: {errors}")
        children += 2 * FORKING
        check_counters()
finish(children=2 * children)
