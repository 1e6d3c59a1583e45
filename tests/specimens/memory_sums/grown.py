"""Hold blocks, then free every second one. Print, for both states, the growth of each part and, as "asked", the
program's own calculation of how many bytes it holds.

arguments: bytes of a block; how many; "profiled" or "plain"
"""

import json
import sys

import spprof.memprof as memprof
from spprof.heap import resident_memory


def parts(profiled):
    found = memprof.get_snapshot().resident if profiled else resident_memory.measure()
    return {**{part.name: part.bytes for part in found.parts}, "rss": found.rss_bytes, "rest": found.unexplained_bytes}


def asked(kept):
    return sys.getsizeof(kept) + sum(map(sys.getsizeof, kept))


def main():
    size, count = int(sys.argv[1]), int(sys.argv[2])
    profiled = sys.argv[3] == "profiled"
    if profiled and not memprof.is_active():
        memprof.start(16, seed=1)
    kept = [bytes(100) for _ in range(1000)]  # what the first block creates does not count as growth
    parts(profiled)
    before = parts(profiled)
    kept = [b"x" * (size - 40 + number % 2) for number in range(count)]
    whole = {**parts(profiled), "asked": asked(kept)}
    del kept[::2]
    half = {**parts(profiled), "asked": asked(kept)}
    names = set(before) | set(whole) | set(half)
    growth = [{name: then.get(name, 0) - before.get(name, 0) for name in names} for then in (whole, half)]
    print(json.dumps(growth))


main()
