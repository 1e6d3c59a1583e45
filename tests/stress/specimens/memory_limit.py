"""Out of memory under RLIMIT_AS: the program gets MemoryError and continues; the engine drops and counts samples."""

import ctypes
import resource

from rounds import (
    SHORT,
    check,
    check_counters,
    drops,
    expect_good,
    finish,
    live_on,
    load,
    rounds,
    run_child,
    start_anew,
)

MEGABYTE = 1024 * 1024
ROOM = 200_000 if SHORT else 600_000
"""The number of blocks of 100 bytes. It is more than were live at any earlier time."""

GRAINS = [1000, 10_000, 300_000, 5 * MEGABYTE]


def mapped_bytes():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


def exhaust(grain):
    """Allocate until MemoryError, and return the number of blocks."""
    held = []
    try:
        while True:
            held.append(bytearray(grain))
    except MemoryError:
        count = len(held)
        held = None
        return count


def find_room_where_the_engine_finds_none(hard):
    """Leave the program free heap blocks, so that only the engine has to map memory, for its samples."""
    before = drops()
    blocks = (ctypes.c_void_p * ROOM)()
    loaded.make_room(blocks, ROOM // 8, 1000)
    last = blocks[ROOM // 8 - 1]
    resource.setrlimit(resource.RLIMIT_AS, (mapped_bytes(), hard))
    made = loaded.fill_room(blocks, ROOM, 100)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    check(made > ROOM // 2, f"room for {made} blocks")
    loaded.empty_room(blocks, made)
    loaded.empty_room(ctypes.byref(ctypes.c_void_p(last)), 1)
    return drops() - before


def go_short(rate):
    """Run in a child, so that the limit ends with it."""
    most = mapped_bytes() + (8 if SHORT else 96) * MEGABYTE
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    for grain in GRAINS:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
        check(exhaust(grain) > 0, f"not one block of {grain} bytes")
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        check_counters()
    dropped = find_room_where_the_engine_finds_none(hard)
    check(rate or dropped > 0, "the engine had room for every sample")
    check_counters()
    live_on(rate, 0)


with load(2) as loaded:
    for number in rounds():
        rate = start_anew(number)
        before = drops()
        expect_good(run_child(lambda: go_short(rate)))  # noqa: B023
        check(drops() == before, "the parent had no shortage")
        check_counters()
finish()
