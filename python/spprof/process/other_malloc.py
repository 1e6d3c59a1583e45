"""Another malloc than libc's: what it tells of itself, and where its memory is."""

from __future__ import annotations

from spprof import _engine
from spprof.process.stretches import bytes_in_memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from spprof.process.stretches import Taken

_MIMALLOC = range(2 << 40, 30 << 40)
"""Where mimalloc asks the kernel for memory (MI_HINT_BASE to MI_HINT_MAX), and nobody else is given any."""


def parts_of_malloc(nameless: Sequence[tuple[int, int]], taken: Taken, absent: int) -> dict[str, int]:
    """By its own statistics, which count pages of blocks that nobody has touched: it cannot have more in memory than is
    there and nobody else's. All of its memory where it has no statistics."""
    said = _engine.malloc_said()
    if said is None:
        return {}
    name, used, free, own = said
    if name == "mimalloc":
        return {"native_blocks": of_mimalloc(nameless, taken)}
    there = sum(bytes_in_memory(*place) for one in nameless for place in taken.left_of(*one))
    free = min(free, there)
    return {"native_blocks": min(max(used - absent, 0) + own, there - free), "malloc_free": free}


def are_from_mimalloc(one: object) -> bool:
    """Whether Python's objects, of which this is one, are its own mimalloc's (PYTHONMALLOC=mimalloc) and not malloc's,
    which may be another mimalloc."""
    said = _engine.malloc_said()
    return id(one) in _MIMALLOC and (said is None or said[0] != "mimalloc")


def of_mimalloc(nameless: Sequence[tuple[int, int]], taken: Taken) -> int:
    """All of its memory that nobody has yet, in use and free: it does not tell which is which."""
    places = [place for one in nameless if one[0] in _MIMALLOC for place in taken.left_of(*one)]
    for place in places:
        taken.add(*place)
    return sum(bytes_in_memory(*place) for place in places)
