"""No more memory under RLIMIT_AS: the program sees MemoryError and goes on; the engine drops and counts."""

import resource

import spprof.memprof as memprof
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
GRAINS = [1000, 10_000, 300_000, 5 * MEGABYTE]


def mapped_bytes():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


def exhaust(grain):
    """Allocates until MemoryError. Returns how many blocks there were."""
    held = []
    try:
        while True:
            held.append(bytearray(grain))
    except MemoryError:
        count = len(held)
        held = None
        return count


def go_short(rate):
    """In a child, whose limit ends with it."""
    before = drops()
    most = mapped_bytes() + (8 if SHORT else 96) * MEGABYTE
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    for grain in GRAINS:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
        check(exhaust(grain) > 0, f"not one block of {grain} bytes")
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        check_counters()
    for _ in range(2 if SHORT else 10):  # between two limits, so that it is the engine that finds no room
        resource.setrlimit(resource.RLIMIT_AS, (mapped_bytes(), hard))
        exhaust(1000)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    check(rate or drops() > before, f"the engine had room for every sample: {memprof.get_stats().dropped_samples}")
    live_on(rate, 0)


with load(2):
    for number in rounds():
        rate = start_anew(number)
        before = drops()
        expect_good(run_child(lambda: go_short(rate)))  # noqa: B023
        check(drops() == before, "the parent had no shortage")
        check_counters()
finish()
