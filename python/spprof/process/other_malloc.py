"""A malloc other than glibc's: its own statistics, and the location of its memory."""

from __future__ import annotations

from spprof import _engine
from spprof.process.stretches import bytes_in_memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from spprof.process.stretches import Taken

_MIMALLOC = range(2 << 40, 30 << 40)
"""The address range that mimalloc requests from the kernel (MI_HINT_BASE to MI_HINT_MAX). No other memory is mapped
there.
"""


def parts_of_malloc(nameless: Sequence[tuple[int, int]], taken: Taken, absent: int) -> dict[str, int]:
    """Return the parts of memory according to the malloc's own statistics. The statistics also count pages that were
    never touched, so they are limited to memory that is resident and belongs to no other part. Without statistics, all
    of this malloc's memory is one part. macOS's libmalloc does not know how much of its free memory is resident, so its
    blocks come first.
    """
    said = _engine.malloc_said()
    if said is None:
        return {}
    name, used, free, own = said
    if name == "mimalloc":
        return {"native_blocks": of_mimalloc(nameless, taken)}
    there = sum(bytes_in_memory(*place) for one in nameless for place in taken.left_of(*one))
    blocks = max(used - absent, 0) + own
    free = min(free, max(there - blocks, 0) if name == "libmalloc" else there)
    return {"native_blocks": min(blocks, there - free), "malloc_free": free}


def are_from_mimalloc(one: object) -> bool:
    """Return whether Python's objects, such as ``one``, come from Python's own mimalloc (PYTHONMALLOC=mimalloc) and not
    from malloc, which may be another mimalloc.
    """
    said = _engine.malloc_said()
    return id(one) in _MIMALLOC and (said is None or said[0] != "mimalloc")


def of_mimalloc(nameless: Sequence[tuple[int, int]], taken: Taken) -> int:
    """Return the bytes of mimalloc's memory that belong to no other part yet. Memory in use and free memory cannot be
    distinguished.
    """
    places = [place for one in nameless if one[0] in _MIMALLOC for place in taken.left_of(*one)]
    for place in places:
        taken.add(*place)
    return sum(bytes_in_memory(*place) for place in places)
