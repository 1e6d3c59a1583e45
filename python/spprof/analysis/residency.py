"""The size of the process beside the numbers of its heap, in one line: RSS, and what of it no line of code shows.

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
"""Parts that no line of the program shows."""
_NOTABLE_BYTES = 16 << 20
_NOTABLE_SHARE = 20
"""They are spoken of from so many bytes on, if that is a twentieth of RSS or more."""

IN_PYTHON = "snapshot.resident has every part"
IN_FILES = "spprof rss lists every part"


def lines_of(memory: ResidentMemory | None, where: str) -> Iterator[str]:
    """One line, none where nothing is known. ``where``: the reader finds every part."""
    if memory is not None:
        yield _line(Residency(memory), where)


def lines_of_file(profile: Profile) -> Iterator[str]:
    """The same of a file."""
    found = residency_of(profile)
    if found is not None:
        yield _line(found, IN_FILES)


def whose(residency: Residency) -> str:
    """Of which processes it is, where it is a sum."""
    if residency.missing:
        return f", of {residency.measured} of {residency.measured + residency.missing} files"
    return f", of {residency.measured} files" if residency.measured > 1 else ""


def _line(residency: Residency, where: str) -> str:
    return f"in memory (RSS): {size_text(residency)}; {where}"


def size_text(residency: Residency) -> str:
    """The size of the process, what is free but kept, stacks, and what is unexplained, where those are notable."""
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
