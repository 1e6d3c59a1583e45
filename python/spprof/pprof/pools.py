"""Memory pools of libraries that allocate within their own mappings, as comments of a file.

library's count ─► MemoryPool ─► comment "pool_arrow_mimalloc: 317719808" ─► MemoryPool ─► sentence (analysis/notes.py)
"""

from __future__ import annotations

from spprof.results import MemoryPool
from spprof.text import whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from spprof.pprof.profile import Profile

    Pools = tuple[MemoryPool, ...]

_PREFIX = "pool_"


def comments(pools: Iterable[MemoryPool]) -> dict[str, str]:
    """Return the comments of a file, as pairs of key and text."""
    return {f"{_PREFIX}{pool.library}_{pool.allocator}": str(pool.bytes) for pool in pools}


def pools_of(profile: Profile) -> Pools:
    """Return the pools in the comments of a heap profile."""
    pools = []
    for comment in profile.comments if profile.is_heap else ():
        key, _, text = comment.partition(": ")
        library, underscore, allocator = key[len(_PREFIX) :].partition("_")
        size = whole_number(text)
        if underscore and is_pool(comment) and size is not None and size >= 0:
            pools.append(MemoryPool(library, allocator, size))
    return tuple(pools)


def summed(several: Iterable[Pools]) -> Pools:
    """Return the pools of merged profiles. Each process has its own pools."""
    totals: dict[tuple[str, str], int] = {}
    for pools in several:
        for pool in pools:
            key = pool.library, pool.allocator
            totals[key] = totals.get(key, 0) + pool.bytes
    return tuple(MemoryPool(*key, total) for key, total in totals.items())


def is_pool(comment: str) -> bool:
    """Return whether a comment is one of ``comments``."""
    return comment.startswith(_PREFIX)
