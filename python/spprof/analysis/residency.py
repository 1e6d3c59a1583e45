"""One line about the size of the process, to accompany its heap's numbers: RSS, and the part of it that no line of code
explains.

snapshot ─► ResidentMemory ─┐
file     ─► Residency ──────┴─► line
"""

from __future__ import annotations

from spprof.pprof.resident import Residency, residency_of
from spprof.text import human_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from spprof.pprof.profile import Profile
    from spprof.results import ResidentMemory

_NOTED = {
    "malloc_free": "free but kept by malloc",
    "pymalloc_free": "free but kept in Python's pools",
    "thread_stacks": "thread stacks",
}
"""Parts that no line of the program explains."""
_NOTABLE_BYTES = 16 << 20
_NOTABLE_SHARE = 20
"""Such a part is mentioned if it has at least this size and is at least a twentieth of RSS."""

IN_PYTHON = "snapshot.resident has every part"
IN_FILES = "spprof rss lists every part"


def lines_of(memory: ResidentMemory | None, where: str) -> Iterator[str]:
    """Yield one line; none if nothing is known. ``where``: how the reader can list every part."""
    if memory is not None:
        yield _line(Residency(memory), where)


def lines_of_file(profile: Profile) -> Iterator[str]:
    """Like ``lines_of``, for a file."""
    found = residency_of(profile)
    if found is not None:
        yield _line(found, IN_FILES)


def whose(residency: Residency) -> str:
    """Return text that gives the number of files that were added up; "" for a single file."""
    if residency.missing:
        return f", of {residency.measured} of {residency.measured + residency.missing} files"
    return f", of {residency.measured} files" if residency.measured > 1 else ""


def _line(residency: Residency, where: str) -> str:
    return f"in memory (RSS): {size_text(residency)}; {where}"


def size_text(residency: Residency) -> str:
    """Format the size of the process. Add free memory kept, thread stacks and unexplained memory if they are
    significant.
    """
    memory = residency.memory
    told = [f"{human_bytes(memory.rss_bytes)}{whose(residency)}", *_noted(memory)]
    if not memory.is_explained:
        told.append(f"unexplained: {human_bytes(memory.unexplained_bytes)}")
    return "; ".join(told)


def _noted(memory: ResidentMemory) -> Iterator[str]:
    for name, called in _NOTED.items():
        size = memory.part(name)
        if size < _NOTABLE_BYTES or size * _NOTABLE_SHARE < memory.rss_bytes:
            continue
        text = f"{called}: {human_bytes(size)}"
        if name == "malloc_free" and memory.malloc_heaps:
            text += f", of which memprof.trim() would release {human_bytes(memory.returnable_bytes)}"
        yield text
