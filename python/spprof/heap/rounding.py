"""How much more memory the live blocks take than was requested: rounding up to whole units, and headers.

    sampled block ─► requested size ─┐
                 └─► its chunk ──────┴─► pool or malloc ─► its overhead ─► times the blocks that the sample stands for

A small Python block that is sampled is not in a pool. It is in a malloc chunk that is larger than necessary
(``SP_HANDOFF_MIN``); similar blocks that are not sampled are in pools. Chunk sizes are those of glibc on 64 bits.
"""

from __future__ import annotations

import struct

from spprof import _engine
from spprof.analysis.sample_weights import weight
from spprof.heap.samples import ADDRESS, RATE, SIZE
from spprof.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_UNIT = 16
_HEADER = 8
_CHUNK_MIN = 32
_IN_POOLS_MAX = 512
"""Size of the largest block that Python keeps in a pool, in bytes."""
_HANDED_ON = 528
"""Size of the smallest chunk for a block that is too large for pools, in bytes."""
_MAPPED_MIN = 128 << 10
"""Starting at this many bytes, malloc usually gives a block its own pages."""
_MAPPED_HEADER = 16
_PAGE = 4096


class Rounding(NamedTuple):
    """Estimated bytes that the live blocks take beyond the requested sizes."""

    pools: float = 0.0
    malloc: float = 0.0


def rounding_of(records: Iterable[tuple[int, ...]]) -> Rounding | None:
    """Return the rounding of live samples in the engine's packed form. None: malloc is not glibc's, so it does not
    report chunk sizes.
    """
    found = list(records)
    small = [one for one in found if one[SIZE] <= _IN_POOLS_MAX]
    chunks = _engine.chunk_sizes(struct.pack(f"={len(small)}Q", *(one[ADDRESS] for one in small)))
    if chunks is None:
        return None
    counts: dict[tuple[int, int, bool], int] = {}
    for one in found:
        _count(counts, one, False)
    for one, (chunk,) in zip(small, struct.iter_unpack("=Q", chunks)):
        if chunk >= _HANDED_ON:
            _count(counts, one, True)
            counts[one[SIZE], one[RATE], False] -= 1
    return _sum(counts)


def _count(counts: dict[tuple[int, int, bool], int], record: tuple[int, ...], in_pool: bool) -> None:
    key = record[SIZE], record[RATE], in_pool
    counts[key] = counts.get(key, 0) + 1


def _sum(counts: dict[tuple[int, int, bool], int]) -> Rounding:
    sums = {False: 0.0, True: 0.0}
    for (size, rate, in_pool), count in counts.items():
        taken = _up(size, _UNIT) if in_pool else _chunk(size)
        sums[in_pool] += count * weight(size, rate).objects * (taken - size)
    return Rounding(sums[True], sums[False])


def _chunk(size: int) -> int:
    """Return the size in bytes of the chunk for a request of ``size``."""
    if size >= _MAPPED_MIN:
        return _up(size + _MAPPED_HEADER, _PAGE)
    return max(_up(size + _HEADER, _UNIT), _CHUNK_MIN)


def _up(size: int, unit: int) -> int:
    return -(-size // unit) * unit
