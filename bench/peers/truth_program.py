"""A program that holds known bytes at each site, against which profilers' findings are compared.

python bench/peers/truth_program.py [---] START:NUMBER OUT

Each site is a function that allocates on one line. At the end, the profiler writes its findings to OUT. Then OUT.known
contains the bytes of each site, as the interpreter counts them (sys.getsizeof), and the program waits until its
standard input ends.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from peers.starts import FINISHES, STARTS

Known = tuple[object, int]
"""The objects that the site holds, and how many bytes it has allocated for them."""
KIB, MIB = 1 << 10, 1 << 20


def large_buffers() -> Known:
    kept = [bytearray(MIB) for _ in range(24)]
    return kept, sum(map(sys.getsizeof, kept))


def buffers_of_1_kib() -> Known:
    kept = [bytes(KIB) for _ in range(16 * KIB)]
    return kept, sum(map(sys.getsizeof, kept))


def strings() -> Known:
    kept = [f"{number:>60}" for number in range(160_000)]
    return kept, sum(map(sys.getsizeof, kept))


def pairs() -> Known:
    kept = [(None, number & 1) for number in range(200_000)]
    return kept, sum(map(sys.getsizeof, kept))


def dictionaries() -> Known:
    kept = [{"left": None, "right": None, "key": number & 1} for number in range(40_000)]
    return kept, sum(map(sys.getsizeof, kept))


def growing_list() -> Known:
    kept: list[None] = []
    for _ in range(1_000_000):
        kept.append(None)
    return kept, sys.getsizeof(kept)


def arrays() -> Known:
    import numpy

    kept = [numpy.ones(MIB // 4) for _ in range(16)]
    return kept, sum(map(sys.getsizeof, kept))


def blocks_of_c() -> Known:
    library = ctypes.CDLL(os.environ["BENCH_LOOPS"])
    library.allocate.restype = ctypes.c_void_p
    kept = [library.allocate(ctypes.c_size_t(4000)) for _ in range(4000)]
    return kept, 4000 * len(kept)


SITES: list[Callable[[], Known]] = [
    large_buffers,
    buffers_of_1_kib,
    strings,
    pairs,
    dictionaries,
    growing_list,
    arrays,
    blocks_of_c,
]


def main() -> None:
    start, out = [word for word in sys.argv[1:] if word != "---"]
    kind, _, number = start.partition(":")
    import numpy  # noqa: F401  its own memory belongs to no site

    STARTS[kind](int(number or 0))
    held = [(site.__name__, *site()) for site in SITES]
    FINISHES[kind](out)
    Path(f"{out}.known").write_text(json.dumps({name: size for name, _, size in held}))
    os.read(0, 1)


if __name__ == "__main__":
    main()
