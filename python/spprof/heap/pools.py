"""Memory pools of loaded libraries, according to the libraries' own counts.

Arrow (used by pyarrow, and by pandas with pyarrow) maps a gibibyte of address space at once and allocates from it.
Hooks on malloc do not see these allocations, and the whole mapping has a single line. Only the library knows how much
of it is in use.

Nothing is imported. The two pools are read by name, because a request for the default pool could choose it before the
program does.
"""

from __future__ import annotations

import sys

from spprof.results import MemoryPool

_ALLOCATORS = ("jemalloc", "mimalloc")
"""The allocators that Arrow includes. Its third allocator is malloc, whose blocks are sampled."""


def pools() -> tuple[MemoryPool, ...]:
    """Return every pool that has something allocated."""
    arrow = sys.modules.get("pyarrow.lib")
    found = (MemoryPool("arrow", allocator, _allocated(arrow, allocator)) for allocator in _ALLOCATORS if arrow)
    return tuple(pool for pool in found if pool.bytes > 0)


def _allocated(arrow: object, allocator: str) -> int:
    """Return the allocated bytes; 0 if unknown. They are unknown if the build lacks that pool, or if the module is
    still being imported or is of another kind.
    """
    try:
        count = getattr(arrow, f"{allocator}_memory_pool")().bytes_allocated()
    except MemoryError:
        raise
    except Exception:
        return 0
    return count if type(count) is int else 0
