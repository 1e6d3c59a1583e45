"""The resident memory of a process, as comments of a file. If several files are merged, it is added up.

measured ─► ResidentMemory ─► comments "resident_rss: 363921408", "resident_part_files: 9437184", … ─► Residency
"""

from __future__ import annotations

from spprof.records import NamedTuple
from spprof.results import ResidentMemory, ResidentPart, UnclaimedMemory
from spprof.text import human_bytes, visible, whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from spprof.pprof.profile import Profile

_PREFIX = "resident_"
_PART = "part_"
_UNCLAIMED = "unclaimed"
_NUMBERS = {
    "rss": "rss_bytes",
    "pss": "pss_bytes",
    "swap": "swap_bytes",
    "cgroup": "cgroup_bytes",
    "cgroup_limit": "cgroup_limit_bytes",
    "unexplained": "unexplained_bytes",
    "returnable": "returnable_bytes",
    "lazy_free": "lazy_free_bytes",
    "anonymous": "anonymous_bytes",
    "threads": "threads",
    "heaps": "malloc_heaps",
}
"""Names of comments, without their prefix, and the attributes whose values they hold."""

_OF_CGROUP = ("cgroup_bytes", "cgroup_limit_bytes")
_OF_SUMS = ("pss_bytes", "lazy_free_bytes")
"""These are not measured if a region is large. If a file lacks them, they are unknown."""
_MEASURED, _MISSING = "measured", "missing"
_UNCLAIMED_KEPT = 5

_NOTABLE = 16 << 20
"""The minimum size in bytes of a part that is worth a remedy."""
_HEAPS_USUAL = 4
_REMEDIES = {
    "python_objects": "drop references to objects; gc.collect() frees those that refer only to each other",
    "pymalloc_free": "an arena is released only when none of its blocks is in use; new small Python objects "
    "use the free blocks first",
    "thread_stacks": "end threads: until its thread ends, a stack keeps the pages that it has touched. "
    "threading.stack_size(N) limits the stacks of threads that start later",
}
"""Remedies for parts that do not depend on any numbers."""


class Residency(NamedTuple):
    """The resident memory of the process that a file describes; for a merged file, of all its processes."""

    memory: ResidentMemory
    measured: int = 1
    """The number of files that were added up."""
    missing: int = 0
    """The number of other merged files, which do not have this data."""


def parts_of(sizes: Mapping[str, int], returnable: int, heaps: int) -> tuple[ResidentPart, ...]:
    """Return the parts with their remedies, largest first. ``returnable``: whole free pages that malloc keeps.
    ``heaps``: the number of malloc's heaps.
    """
    parts = [ResidentPart(name, size, _remedy(name, size, returnable, heaps)) for name, size in sizes.items()]
    return tuple(sorted(parts, key=lambda part: -part.bytes))


def _remedy(name: str, size: int, returnable: int, heaps: int) -> str | None:
    if size < _NOTABLE:
        return None
    return _of_malloc(returnable, heaps) if name == "malloc_free" else _REMEDIES.get(name)


def _of_malloc(returnable: int, heaps: int) -> str:
    if not heaps:  # a malloc other than libc's, which does not report it
        return "spprof.memprof.trim() makes malloc release what it can; this malloc does not report how much that is"
    share = f"; malloc has {heaps} heaps: MALLOC_ARENA_MAX=2 limits it to two" if heaps > _HEAPS_USUAL else ""
    return (
        f"spprof.memprof.trim(), which calls malloc_trim(0), would release {human_bytes(returnable)}; the rest "
        f"shares pages with blocks in use, or is kept for the next request{share}"
    )


# ---- Comments


def comments(residency: Residency | None) -> dict[str, str]:
    """Return the comments of a file, as pairs of key and text; empty if nothing is known."""
    if residency is None:
        return {}
    memory = residency.memory
    found: dict[str, int | None] = {key: getattr(memory, name) for key, name in _NUMBERS.items()}
    found.update({_PART + part.name: part.bytes for part in memory.parts})
    if (residency.measured, residency.missing) != (1, 0):
        found.update({_MEASURED: residency.measured, _MISSING: residency.missing})
    texts = {key: str(value) for key, value in found.items() if value is not None}
    if memory.unclaimed:
        texts[_UNCLAIMED] = "; ".join(f"{one.bytes} {_one_word(one.name)}" for one in memory.unclaimed)
    return {_PREFIX + key: text for key, text in texts.items()}


def _one_word(name: str) -> str:
    """Return the name without the character that separates regions in the list."""
    return visible(name, ";")


def residency_of(profile: Profile) -> Residency | None:
    """Return the data in the comments of a heap profile; None if there is none."""
    if not profile.is_heap:
        return None
    texts: dict[str, str] = {}
    for comment in filter(is_residency, profile.comments):
        key, _, text = comment.partition(": ")
        texts[key[len(_PREFIX) :]] = text
    numbers = {key: number for key, text in texts.items() if (number := whole_number(text)) is not None}
    if "rss" not in numbers:
        return None
    sizes = {key[len(_PART) :]: size for key, size in numbers.items() if key.startswith(_PART)}
    fields: dict[str, Any] = {name: numbers.get(key, 0) for key, name in _NUMBERS.items()}
    fields.update({name: numbers.get(name[: -len("_bytes")]) for name in (*_OF_CGROUP, *_OF_SUMS)})
    memory = _memory(fields, sizes, _unclaimed(texts))
    return Residency(memory, numbers.get(_MEASURED, 1), numbers.get(_MISSING, 0))


def _memory(fields: dict[str, Any], sizes: Mapping[str, int], unclaimed: tuple[UnclaimedMemory, ...]) -> ResidentMemory:
    parts = parts_of(sizes, fields["returnable_bytes"], fields["malloc_heaps"])
    return ResidentMemory(parts=parts, unclaimed=unclaimed, **fields)


def _unclaimed(texts: Mapping[str, str]) -> tuple[UnclaimedMemory, ...]:
    found = []
    for one in texts.get(_UNCLAIMED, "").split("; "):
        text, _, name = one.partition(" ")
        size = whole_number(text)
        if size is not None:
            found.append(UnclaimedMemory(name, size))
    return tuple(found)


def is_residency(comment: str) -> bool:
    """Return whether a comment is one of ``comments``."""
    return comment.startswith(_PREFIX) and ": " in comment


# ---- Merging


def summed(several: Iterable[Residency | None]) -> Residency | None:
    """Return the sum over merged files. Pages that processes share are counted for each process in RSS, but only once
    in PSS. The usage of a control group is kept only if all files have the same limit, and so most likely belong to the
    same group.
    """
    every = list(several)
    found = [one for one in every if one is not None]
    if not found:
        return None
    sizes: dict[str, int] = {}
    regions: dict[str, int] = {}
    for one in found:
        for part in one.memory.parts:
            sizes[part.name] = sizes.get(part.name, 0) + part.bytes
        for region in one.memory.unclaimed:
            regions[region.name] = regions.get(region.name, 0) + region.bytes
    largest = sorted((UnclaimedMemory(*region) for region in regions.items()), key=lambda one: -one.bytes)
    fields: dict[str, Any] = {name: sum(getattr(one.memory, name) or 0 for one in found) for name in _NUMBERS.values()}
    fields["malloc_heaps"] = max(one.memory.malloc_heaps for one in found)
    for name in _OF_SUMS:
        if any(getattr(one.memory, name) is None for one in found):
            fields[name] = None
    fields.update(_cgroup(found))
    memory = _memory(fields, sizes, tuple(largest[:_UNCLAIMED_KEPT]))
    missing = sum(1 if one is None else one.missing for one in every)
    return Residency(memory, sum(one.measured for one in found), missing)


def _cgroup(found: list[Residency]) -> dict[str, int | None]:
    limits = {one.memory.cgroup_limit_bytes for one in found}
    used = [one.memory.cgroup_bytes for one in found if one.memory.cgroup_bytes is not None]
    is_one = len(found) == 1 or (len(limits) == 1 and None not in limits)
    return dict(zip(_OF_CGROUP, (max(used), limits.pop()) if is_one and used else (None, None)))
