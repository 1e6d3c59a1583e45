"""The process's resident memory, part by part: from the kernel's list, the allocators' own counts, and the mappings
that the program made.

    /proc/self/smaps ─► regions ─┬─ of files, [stack], [heap] ────────────────┐
    pools, heaps, own pages ─────┼─ taken out of the nameless regions ────────┼─► parts ─► unexplained: the rest, signed
    mappings of the program ─────┴─ by address, files among them ─────────────┘

A region's pages belong to one part. If two parts claim them, the first in this order gets them: the profiler, pools,
mappings of the program, stacks, malloc.
"""

from __future__ import annotations

import struct
from bisect import bisect_right

from spprof import _engine
from spprof.heap.mapped import NOT_KNOWN, ranges_now
from spprof.heap.rounding import rounding_of
from spprof.pprof.resident import parts_of
from spprof.process import numbers, thread_stacks
from spprof.process.other_malloc import are_from_mimalloc, of_mimalloc, parts_of_malloc
from spprof.process.regions import HEAP, STACK, joined, regions
from spprof.process.stretches import Taken, bytes_in_memory
from spprof.process.zeroed_data import data_without_file
from spprof.records import replace
from spprof.results import ResidentMemory, UnclaimedMemory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spprof.heap.mapped import Range
    from spprof.heap.rounding import Rounding
    from spprof.heap.samples import HeapSamples
    from spprof.process.regions import Region

_WORDS = struct.Struct("=QQ")
_POOLS_READ = 32768
"""If there are more pools, only this many are read: 512 MiB of them, at a microsecond each."""
_UNCLAIMED_TOLD = 5
_UNCLAIMED_TRIED = 32
"""Malloc's share is determined for this many of the largest remaining regions."""


def measure(samples: HeapSamples | None = None) -> ResidentMemory | None:
    """Measure the resident memory now. ``samples``: a snapshot taken just before, which shows which blocks are not in
    memory and how much they are rounded up. The program's mappings are queried again. None: the kernel does not report
    it.
    """
    absent = samples.absent_bytes if samples else 0
    rounding = rounding_of(samples.records()) if samples else None  # it needs memory, so it comes before the list
    every = regions()
    if not every:
        return None
    taken = Taken()
    parts: dict[str, int] = {}
    nameless = list(joined(one for one in every if one.is_nameless))
    own_data, data = data_without_file(every, nameless, taken)
    parts["profiler"] = _own(taken) + own_data
    pools = _engine.python_pools([stretch for one in nameless for stretch in taken.left_of(*one)], _POOLS_READ)
    if pools is not None:
        _, parts["python_objects"], resident, arenas = pools
        parts["pymalloc_free"] = resident - parts["python_objects"]
        for start, end in _WORDS.iter_unpack(arenas):
            taken.add(start, end)
    frames = thread_stacks.frames(taken)
    ranges = _in_rss(ranges_now() if samples and samples.mapped else (), every)
    parts["mapped"] = _mapped(ranges, taken)
    if pools is None and are_from_mimalloc(every):
        parts["python_objects"] = of_mimalloc(nameless, taken)
    files = [one for one in every if one.path.startswith("/")]
    parts["files"] = sum(one.rss for one in files) + data - _mapped_of_files(ranges, files)
    parts["thread_stacks"] = (
        sum(one.rss for one in every if one.path == STACK) + thread_stacks.stacks(every, taken) + frames
    )
    heap = list(joined(one for one in every if one.path == HEAP))
    sums = _engine.malloc_sums(
        [(start, end - start, False) for one in nameless for start, end in taken.left_of(*one)]
        + [(start, end - start, True) for start, end in heap]
    )
    if sums is not None:
        parts["native_blocks"] = sums["heap_resident"] - sums["free_resident"] + sums["mapped_resident"]
        parts["malloc_free"] = sums["free_resident"]
    else:
        parts.update(parts_of_malloc([*nameless, *heap], taken, absent))
    _set_rounding_apart(parts, rounding)
    told = numbers.status()
    rss = told.get("VmRSS") or sum(one.rss for one in every)  # read between the steps that need memory
    unexplained = rss - sum(parts.values())
    used, limit = numbers.cgroup()
    found = ResidentMemory(
        rss,
        _sum_of(one.pss for one in every),
        told.get("VmSwap", 0) or sum(one.swap for one in every),
        used,
        limit,
        parts_of(parts, sums["returnable"] if sums else 0, sums["heaps"] if sums else 0),
        unexplained,
        sums["returnable"] if sums else 0,
        _sum_of(one.lazy_free for one in every),
        told.get("RssAnon") or sum(one.rss for one in every if not one.path.startswith("/")),
        told.get("Threads", 0),
        sums["heaps"] if sums else 0,
    )
    return found if found.is_explained else replace(found, unclaimed=_unclaimed(every, nameless, taken))


def _sum_of(sizes: Iterable[int | None]) -> int | None:
    """Return the sum; None if any size is unknown."""
    known = list(sizes)
    return None if None in known else sum(size for size in known if size is not None)


def _set_rounding_apart(parts: dict[str, int], rounding: Rounding | None) -> None:
    """Move rounding, which samples estimate, to its own part. The sum of the parts does not change."""
    if rounding is None:
        return
    beyond = {"native_blocks": rounding.malloc}
    if "python_objects" in parts:
        beyond["python_objects"] = rounding.pools
    for name, size in beyond.items():
        apart = min(round(size), parts[name])
        parts[name] -= apart
        parts["rounding"] = parts.get("rounding", 0) + apart


def _unclaimed(
    every: Sequence[Region], nameless: Sequence[tuple[int, int]], taken: Taken
) -> tuple[UnclaimedMemory, ...]:
    """Return the largest regions, or their remainders, that belong neither to malloc nor to any other part."""
    left = [UnclaimedMemory(one.called, one.rss) for one in every if one.is_unclaimed and one.rss]
    stretches = [(bytes_in_memory(start, end), start, end) for one in nameless for start, end in taken.left_of(*one)]
    for resident, start, end in sorted(stretches, reverse=True)[:_UNCLAIMED_TRIED]:
        of_malloc = _engine.malloc_sums([(start, end - start, False)])
        if of_malloc is not None:
            resident -= of_malloc["heap_resident"] + of_malloc["mapped_resident"]
        left.append(UnclaimedMemory(_called(every, start), resident))
    left.sort(key=lambda one: -one.bytes)
    return tuple(one for one in left[:_UNCLAIMED_TOLD] if one.bytes > 0)


def _called(every: Sequence[Region], address: int) -> str:
    return next(one.called for one in every if one.start <= address < one.end)


def _own(taken: Taken) -> int:
    own = _engine.own_extents()
    for start, size, _ in own:
        taken.add(start, start + size)
    return sum(resident for _, _, resident in own)


# ---- Mappings of the program


def _in_rss(ranges: Iterable[Range], every: Sequence[Region]) -> list[Range]:
    """Return the ranges without those of reserved huge pages (MAP_HUGETLB), which are not part of any RSS."""
    huge = [one for one in every if one.is_huge]
    return [one for one in ranges if not any(of.start <= one.address < of.end for of in huge)]


def _mapped(ranges: Iterable[Range], taken: Taken) -> int:
    """Return the resident bytes of the program's own mappings. Sampled mappings stand for others like them."""
    total = 0.0
    for one in ranges:
        total += _in_memory(one) / one.probability
        taken.add(one.address, one.address + one.size)
    return round(total)


def _in_memory(one: Range) -> int:
    return 0 if one.resident == NOT_KNOWN else one.resident


def _mapped_of_files(ranges: Iterable[Range], files: Sequence[Region]) -> int:
    """Return how much of the files' regions belongs to the program's own mappings."""
    starts = [one.start for one in files]
    total = 0
    for one in ranges:
        at = bisect_right(starts, one.address) - 1
        if at >= 0 and one.address < files[at].end:
            total += _in_memory(one)
    return total


# ---- Releasing memory


def trim() -> int:
    """Make malloc release the free memory that it keeps. Return the number of bytes by which the process has shrunk, 0
    or more.
    """
    before = numbers.rss()
    _engine.trim_malloc()
    return max(before - numbers.rss(), 0)
