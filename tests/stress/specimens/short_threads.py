"""Thousands of short-lived threads run on 64 KB stacks, in C and in Python."""

import threading

from asked_for import bytearray_size
from rounds import SHORT, check, check_counters, count_live, drops, finish, load_library, rounds, start_anew

STACK_BYTES = 64 * 1024
NATIVE, PYTHON = (800, 40) if SHORT else (8000, 400)


def allocate():
    held.append(bytearray(76_542))
    [bytearray(size) for size in range(0, 2000, 100)]


loaded = load_library()
held, threads = [], 0
threading.stack_size(STACK_BYTES)
for number in rounds():
    rate, drops_before = start_anew(number), drops()
    loaded.short_threads(NATIVE, STACK_BYTES, 65_432)
    check(count_live(65_432) == 0, "blocks that other threads freed are listed as live")
    alive = [threading.Thread(target=allocate) for _ in range(PYTHON)]
    for thread in alive:
        thread.start()
    for thread in alive:
        thread.join()
    check(len(held) == PYTHON, f"{len(held)} threads have run")
    seen = count_live(bytearray_size(76_542))
    check(rate or seen == PYTHON or drops() > drops_before, f"{seen} of {PYTHON} blocks are seen")
    held.clear()
    check(count_live(bytearray_size(76_542)) == 0, "freed blocks are listed as live")
    check_counters()
    threads += NATIVE + PYTHON
finish(threads=threads)
