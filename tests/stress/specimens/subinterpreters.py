"""Subinterpreters come and go, several at a time. Each has its own GIL if Python supports that (3.12 and newer)."""

import sys
import threading

from asked_for import bytearray_size
from rounds import SHORT, check, check_counters, count_live, finish, load, rounds, start_anew

if sys.version_info >= (3, 13):
    import _interpreters as interpreters
else:
    import _xxsubinterpreters as interpreters

OWN_LOCK = sys.version_info >= (3, 12)
WORK = """
blocks = [bytearray(54_320) for _ in range(50)]
text = "".join(chr(number % 1000 + 65) for number in range(2000))
assert len(text) == 2000
objects = [object() for _ in range(2000)]
del blocks, objects
"""
errors = []


def create():
    if sys.version_info >= (3, 13):
        return interpreters.create("isolated")
    return interpreters.create(isolated=True)


def work():
    try:
        for _ in range(2):
            interpreter = create()
            failure = interpreters.run_string(interpreter, WORK)
            check(failure is None, f"in an interpreter: {failure}")
            interpreters.destroy(interpreter)
    except BaseException as error:
        errors.append(error)


made = 0
at_once = (2 if SHORT else 4) if OWN_LOCK else 1
with load(4):
    for number in rounds():
        start_anew(number)
        threads = [threading.Thread(target=work) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check(not errors, f"in a thread: {errors}")
        check(count_live(bytearray_size(54_320)) == 0, "blocks of destroyed interpreters are listed as live")
        check_counters()
        made += 2 * at_once
finish(interpreters=made, own_lock=OWN_LOCK)
