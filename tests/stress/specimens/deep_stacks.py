"""Deep recursion, in Python and through C, allocates at every depth. RecursionError occurs just as it would without
spprof.
"""

import functools
import sys
import threading

from asked_for import bytearray_size
from rounds import SHORT, check, check_counters, count_live, finish, rounds, start_anew

DEPTH = 2_000 if SHORT else 20_000


def descend(depth, held):
    held.append(bytearray(1000))
    if depth:
        descend(depth - 1, held)


class Compared:
    """An object that is compared through C: sorted() calls back."""

    def __init__(self, depth):
        self.depth = depth

    def __lt__(self, other):
        return self.depth and sorted([Compared(self.depth - 1), Compared(0)]) is None


def without_end(held):
    held.append(bytearray(1000))
    return functools.partial(without_end, held)()


def go_deep(rate, errors):
    try:
        held = []
        descend(DEPTH, held)
        seen = count_live(bytearray_size(1000))
        check(rate or seen == DEPTH + 1, f"{seen} of {DEPTH + 1} blocks are seen")
        held.clear()
        check(count_live(bytearray_size(1000)) == 0, "freed blocks are listed as live")
        sorted([Compared(200), Compared(0)])
        sys.setrecursionlimit(900)
        try:
            without_end(held)
        except RecursionError:
            pass
        else:
            check(False, "no RecursionError")
    except BaseException as error:
        errors.append(error)


for number in rounds():
    rate = start_anew(number)
    errors: list[BaseException] = []
    sys.setrecursionlimit(DEPTH + 1000)
    threading.stack_size(512 * 1024 * 1024)
    thread = threading.Thread(target=go_deep, args=(rate, errors))
    thread.start()
    thread.join()
    sys.setrecursionlimit(1000)
    check(not errors, f"in the thread: {errors}")
    check_counters()
finish(depth=DEPTH)
