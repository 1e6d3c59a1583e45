"""The kernel's list of this process's memory regions.

/proc/self/smaps, or maps and the pages that are present ─► regions
"""

from __future__ import annotations

from spprof import _engine
from spprof.process.numbers import SUMMED_MAX
from spprof.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

HEAP, STACK = "[heap]", "[stack]"
_NAMED = "[anon:"
_HUGE = "/anon_hugepage"


class Region(NamedTuple):
    """An entry of the kernel's list. Sizes are in bytes."""

    start: int
    end: int
    permissions: str
    path: str
    offset: int
    """Offset in the file."""
    rss: int
    pss: int | None
    """None: it was not requested."""
    swap: int
    lazy_free: int | None
    huge_private: int = 0
    huge_shared: int = 0

    @property
    def is_nameless(self) -> bool:
        """True for private memory without a file. Programs may name it, as CPython 3.15 names its arenas."""
        return (not self.path or self.path.startswith(_NAMED)) and self.permissions.startswith("rw-p")

    @property
    def is_huge(self) -> bool:
        """True for reserved huge pages, which the kernel counts in no RSS."""
        return self.huge_private + self.huge_shared > 0 or self.path.startswith(_HUGE)

    @property
    def is_unclaimed(self) -> bool:
        """True if no part covers this kind of memory, such as code generated at run time or device memory."""
        return not (self.is_nameless or self.path.startswith("/") or self.path in (HEAP, STACK))

    @property
    def called(self) -> str:
        """The name shown to users."""
        return self.path or f"anonymous, {self.permissions}"


def regions() -> list[Region]:
    """Return the kernel's list, by address; empty if it cannot be read. Omit the sums if a region is too large."""
    found = _listed(False)
    large = [(one.start, one.end) for one in found if one.end - one.start > SUMMED_MAX]
    if not large or max(_engine.resident_of(large)) <= SUMMED_MAX:
        del found  # frees the memory that the next list needs
        return _listed(True)
    sizes = _engine.resident_of([(one.start, one.end) for one in found])
    return [_without_sums(one, size) for one, size in zip(found, sizes)]


def _without_sums(one: Region, present: int) -> Region:
    """Return the region with its present pages as its RSS. Reserved huge pages do not count."""
    huge = present if one.path.startswith("/anon_hugepage") else 0
    return one._replace(rss=present - huge, pss=None, lazy_free=None, huge_private=huge)


def _listed(measured: bool) -> list[Region]:
    return list(_regions(_lines_in(_engine.list_text(measured) or b"")))


def _lines_in(text: bytes) -> Iterable[str]:
    """Yield the lines one by one. A list of them would need memory that is not yet in the kernel's list."""
    at = 0
    while (end := text.find(b"\n", at)) >= 0:
        yield text[at:end].decode("utf-8", "surrogateescape")
        at = end + 1


_FIELDS = ("Rss", "Pss", "Swap", "LazyFree", "Private_Hugetlb", "Shared_Hugetlb")


def _regions(lines: Iterable[str]) -> Iterable[Region]:
    head: list[str] = []
    found: dict[str, int] = {}
    for line in lines:
        name, colon, rest = line.partition(":")
        if colon and name in _FIELDS:
            found[name] = int(rest.split()[0]) * 1024
        elif not (colon and name.isalpha()) and "-" in name.partition(" ")[0]:
            if head:
                yield _region(head, found)
            head, found = line.split(None, 5), {}
    if head:
        yield _region(head, found)


def _region(head: list[str], found: dict[str, int]) -> Region:
    start, _, end = head[0].partition("-")
    path = head[5] if len(head) > 5 else ""
    sizes = (found.get(name, 0) for name in _FIELDS)
    return Region(int(start, 16), int(end, 16), head[1], path, int(head[2], 16), *sizes)


def joined(found: Iterable[Region]) -> Iterable[tuple[int, int]]:
    """Yield stretches of adjacent regions. The kernel lists one mapping as several if a forked child has extended it,
    or if its parts have had different advice (madvise).
    """
    start = end = 0
    for one in found:
        if one.start != end:
            if end:
                yield start, end
            start = one.start
        end = one.end
    if end:
        yield start, end
