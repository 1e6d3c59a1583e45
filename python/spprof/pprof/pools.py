"""Memory pools of libraries that allocate in mappings of their own, as comments of a file.

library's count ─► MemoryPool ─► comment "pool_arrow_mimalloc: 317719808" ─► MemoryPool ─► sentence (analysis/notes.py)
"""

from __future__ import annotations

from spprof.results import MemoryPool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from spprof.pprof.profile import Profile

    Pools = tuple[MemoryPool, ...]

_PREFIX = "pool_"


def comments(pools: Iterable[MemoryPool]) -> dict[str, str]:
    """The comments of a file, by their keys."""
    return {f"{_PREFIX}{pool.library}_{pool.allocator}": str(pool.bytes) for pool in pools}


def pools_of(profile: Profile) -> Pools:
    """The pools that the comments of a heap profile tell of."""
    pools = []
    for comment in profile.comments if profile.is_heap else ():
        key, colon, text = comment.partition(": ")
        library, underscore, allocator = key[len(_PREFIX) :].partition("_")
        if colon and underscore and is_pool(comment) and text.isdecimal():
            pools.append(MemoryPool(library, allocator, int(text)))
    return tuple(pools)


def summed(several: Iterable[Pools]) -> Pools:
    """Those of profiles that are merged: each process has its own."""
    totals: dict[tuple[str, str], int] = {}
    for pools in several:
        for pool in pools:
            key = pool.library, pool.allocator
            totals[key] = totals.get(key, 0) + pool.bytes
    return tuple(MemoryPool(*key, total) for key, total in totals.items())


def is_pool(comment: str) -> bool:
    """Whether a comment is one of ``comments``."""
    return comment.startswith(_PREFIX)
