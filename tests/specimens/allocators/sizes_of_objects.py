import sys

import spprof.memprof as memprof
from blocks import live

NATIVE = sys.argv[1]


def grow_list(grown):
    for _ in range(100_000):
        grown.append(None)


def grow_dict(grown):
    for key in KEYS:
        grown[key] = None


def grow_set(grown):
    for key in KEYS:
        grown.add(key)


def grow_bytearray(grown):
    for _ in range(1000):
        grown += CHUNK


def make_string(length):
    return CHARACTER * length


KEYS = [str(number) for number in range(50_000)]
CHUNK = bytes(100)
CHARACTER = "\u00e9"
memprof.start(0, native=NATIVE)
for grow, empty in ((grow_list, []), (grow_dict, {}), (grow_set, set()), (grow_bytearray, bytearray())):
    before = sys.getsizeof(empty)
    grow(empty)
    held, _ = live(memprof.get_snapshot(), grow.__name__, 1000)
    assert held == sys.getsizeof(empty) - before, (grow, held, sys.getsizeof(empty) - before)
    del empty
for length in (10, 400, 600, 10_000, 3_000_000):
    text = make_string(length)
    size = sys.getsizeof(text)
    assert live(memprof.get_snapshot(), "make_string", size, size) == (size, 1), length
    del text
