"""Memory pools of libraries that are loaded, by their own counts.

Arrow (pyarrow, and pandas with it) takes a gibibyte of address space at once and allocates there: no hook on malloc
sees that, and the mapping has one line for all of it. The library knows how much of it is in use.

Nothing is imported. The two pools are asked by name: to ask for the default one could choose it, before the program
does.
"""

from __future__ import annotations

import sys

from spprof.results import MemoryPool

_ALLOCATORS = ("jemalloc", "mimalloc")
"""Those that Arrow brings. Its third is malloc, whose blocks are sampled."""


def pools() -> tuple[MemoryPool, ...]:
    """Every pool that has something allocated."""
    arrow = sys.modules.get("pyarrow.lib")
    found = (MemoryPool("arrow", allocator, _allocated(arrow, allocator)) for allocator in _ALLOCATORS if arrow)
    return tuple(pool for pool in found if pool.bytes > 0)


def _allocated(arrow: object, allocator: str) -> int:
    """0 where it cannot be told: a build without that pool, a module that is being imported, or of another kind."""
    try:
        count = getattr(arrow, f"{allocator}_memory_pool")().bytes_allocated()
    except MemoryError:
        raise
    except Exception:
        return 0
    return count if type(count) is int else 0
