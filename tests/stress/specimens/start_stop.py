"""Several threads start and stop ten thousand times while twelve others allocate, with snapshots in between."""

import threading
from contextlib import suppress

import spprof.memprof as memprof
from asked_for import bytearray_size
from rounds import MODE, RATES_KB, SHORT, check, check_counters, count_live, finish, load, rounds, start_anew

STARTS = 100 if SHORT else 2500
starts = 0
errors = []


def start_and_stop(seed):
    global starts
    try:
        for number in range(STARTS):
            try:
                memprof.start(RATES_KB[(seed + number) % 3], native=MODE)
                starts += 1
            except RuntimeError:
                pass
            if number % 50 == 0:
                memprof.get_snapshot()
            with suppress(RuntimeError):
                memprof.stop()
            check_counters()
    except BaseException as error:
        errors.append(error)


for _number in rounds():
    with load(12):
        threads = [threading.Thread(target=start_and_stop, args=(seed,)) for seed in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    check(not errors, f"in a thread: {errors}")
    start_anew(0)
    held = [bytearray(76_542) for _ in range(100)]
    check(count_live(bytearray_size(76_542)) == 100, "all of a hundred blocks are seen afterwards")
    held.clear()
    check(count_live(bytearray_size(76_542)) == 0, "freed blocks are listed as live")
    memprof.stop()
finish(starts=starts)
