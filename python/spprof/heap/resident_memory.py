"""What of the process is in memory, part by part: from the kernel's list, the allocators' own words, and the mappings
that the program made.

    /proc/self/smaps ─► regions ─┬─ of files, [stack], [heap] ────────────────┐
    pools, heaps, own pages ─────┼─ taken out of the nameless regions ────────┼─► parts ─► unexplained: the rest, signed
    mappings of the program ─────┴─ by address, files among them ─────────────┘

A region's pages belong to one part. Where two would claim them, the one that stands first here has them: the profiler,
pools, mappings of the program, stacks, malloc.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right

from spprof import _engine
from spprof.heap.mapped import NOT_KNOWN, ranges_now
from spprof.heap.rounding import rounding_of
from spprof.pprof.resident import parts_of
from spprof.records import NamedTuple, replace, suppress
from spprof.results import ResidentMemory, UnclaimedMemory
from spprof.symbolize import thread_names
from spprof.text import whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spprof.heap.mapped import Range
    from spprof.heap.rounding import Rounding
    from spprof.heap.samples import HeapSamples

_PAGE = os.sysconf("SC_PAGE_SIZE")
_STACK_TAIL = 4096
"""Bytes above a thread's own address (``pthread_self()``) that are its stack's, too: libc's record of the thread."""
_GUARD_MAX = 1 << 20
_HEAP, _STACK = "[heap]", "[stack]"
_NAMED = "[anon:"
_HUGE = "/anon_hugepage"
_WORDS = struct.Struct("=QQ")
_POOLS_READ = 32768
"""Of more, a part is read: 512 MiB, at a microsecond each."""
_UNCLAIMED_TOLD = 5
_UNCLAIMED_TRIED = 32
"""Of the largest regions that are left it is worked out what malloc has in them."""


class Region(NamedTuple):
    """One of the kernel's list: bytes."""

    start: int
    end: int
    permissions: str
    path: str
    offset: int
    """In the file."""
    rss: int
    pss: int | None
    """None: not asked for."""
    swap: int
    lazy_free: int | None
    huge_private: int = 0
    huge_shared: int = 0

    @property
    def is_nameless(self) -> bool:
        """Private memory without a file. Programs may give it names, as CPython 3.15 does with its arenas."""
        return (not self.path or self.path.startswith(_NAMED)) and self.permissions.startswith("rw-p")

    @property
    def is_huge(self) -> bool:
        """Of reserved huge pages, which the kernel counts in no RSS."""
        return self.huge_private + self.huge_shared > 0 or self.path.startswith(_HUGE)

    @property
    def is_unclaimed(self) -> bool:
        """Memory of no kind that a part is made of: of code that was made at run time, of drivers."""
        return not (self.is_nameless or self.path.startswith("/") or self.path in (_HEAP, _STACK))

    @property
    def called(self) -> str:
        """Its name for people."""
        return self.path or f"anonymous, {self.permissions}"


_SUMMED_MAX = 256 << 20
"""For its sums of a region's pages the kernel keeps everyone who maps memory waiting, for 10 ms a GiB and longer. So
they are asked for where no region has more than this in memory."""


def regions() -> list[Region]:
    """The kernel's list, by address; empty where it cannot be read. Without sums where a region is too large."""
    found = _listed(False)
    large = [(one.start, one.end) for one in found if one.end - one.start > _SUMMED_MAX]
    if not large or max(_engine.resident_of(large)) <= _SUMMED_MAX:
        del found  # it leaves the memory that the next list needs, which that has then
        return _listed(True)
    sizes = _engine.resident_of([(one.start, one.end) for one in found])
    return [_without_sums(one, size) for one, size in zip(found, sizes)]


def _without_sums(one: Region, present: int) -> Region:
    """Pages that are present are its RSS, unless they are reserved huge ones."""
    huge = present if one.path.startswith("/anon_hugepage") else 0
    return one._replace(rss=present - huge, pss=None, lazy_free=None, huge_private=huge)


def _listed(measured: bool) -> list[Region]:
    return list(_regions(_lines_in(_engine.list_text(measured) or b"")))


def _lines_in(text: bytes) -> Iterable[str]:
    """One after the other: a list of them would need memory that the kernel's list does not have yet."""
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


class _Taken:
    """Stretches of addresses that belong to a part already, by address."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start: int, end: int) -> None:
        """Takes a stretch that nobody has; what is out of order is put where it belongs."""
        at = bisect_right(self._starts, start)
        self._starts.insert(at, start)
        self._ends.insert(at, end)

    def left_of(self, start: int, end: int) -> Iterable[tuple[int, int]]:
        """What of [start, end) nobody has."""
        at = max(bisect_right(self._starts, start) - 1, 0)
        while at < len(self._starts) and self._starts[at] < end:
            if self._ends[at] > start:
                if self._starts[at] > start:
                    yield start, self._starts[at]
                start = self._ends[at]
            at += 1
        if start < end:
            yield start, end


def measure(samples: HeapSamples | None = None) -> ResidentMemory | None:
    """What is in memory now. ``samples``: taken just before; what of its blocks is not in memory, and how much they are
    rounded up. What the program has mapped is asked anew. None: the kernel does not tell."""
    absent = samples.absent_bytes if samples else 0
    rounding = rounding_of(samples.records()) if samples else None  # first: it needs memory, which the list then has
    every = regions()
    if not every:
        return None
    taken = _Taken()
    parts: dict[str, int] = {}
    nameless = list(_joined(one for one in every if one.is_nameless))
    own_data, data = _data_without_file(every, nameless, taken)
    parts["profiler"] = _own(taken) + own_data
    pools = _engine.python_pools([stretch for one in nameless for stretch in taken.left_of(*one)], _POOLS_READ)
    if pools is not None:
        _, parts["python_objects"], resident, arenas = pools
        parts["pymalloc_free"] = resident - parts["python_objects"]
        for start, end in _WORDS.iter_unpack(arenas):
            taken.add(start, end)
    frames = _frames(taken)
    ranges = _in_rss(ranges_now() if samples and samples.mapped else (), every)
    parts["mapped"] = _mapped(ranges, taken)
    if pools is None and _are_from_mimalloc(every):
        parts["python_objects"] = _of_mimalloc(nameless, taken)
    files = [one for one in every if one.path.startswith("/")]
    parts["files"] = sum(one.rss for one in files) + data - _mapped_of_files(ranges, files)
    parts["thread_stacks"] = sum(one.rss for one in every if one.path == _STACK) + _stacks(every, taken) + frames
    heap = list(_joined(one for one in every if one.path == _HEAP))
    sums = _engine.malloc_sums(
        [(start, end - start, False) for one in nameless for start, end in taken.left_of(*one)]
        + [(start, end - start, True) for start, end in heap]
    )
    if sums is not None:
        parts["native_blocks"] = sums["heap_resident"] - sums["free_resident"] + sums["mapped_resident"]
        parts["malloc_free"] = sums["free_resident"]
    else:
        parts.update(_other_malloc([*nameless, *heap], taken, absent))
    _set_rounding_apart(parts, rounding)
    numbers = _status()
    rss = numbers.get("VmRSS") or sum(one.rss for one in every)  # now: what follows, and went before, needs memory
    unexplained = rss - sum(parts.values())
    used, limit = _cgroup()
    found = ResidentMemory(
        rss,
        _sum_of(one.pss for one in every),
        numbers.get("VmSwap", 0) or sum(one.swap for one in every),
        used,
        limit,
        parts_of(parts, sums["returnable"] if sums else 0, sums["heaps"] if sums else 0),
        unexplained,
        sums["returnable"] if sums else 0,
        _sum_of(one.lazy_free for one in every),
        numbers.get("RssAnon") or sum(one.rss for one in every if not one.path.startswith("/")),
        numbers.get("Threads", 0),
        sums["heaps"] if sums else 0,
    )
    return found if found.is_explained else replace(found, unclaimed=_unclaimed(every, nameless, taken))


def _sum_of(sizes: Iterable[int | None]) -> int | None:
    """None: not all are known."""
    known = list(sizes)
    return None if None in known else sum(size for size in known if size is not None)


def _set_rounding_apart(parts: dict[str, int], rounding: Rounding | None) -> None:
    """Samples estimate it; the sum of the parts stays as the allocators tell it."""
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
    every: Sequence[Region], nameless: Sequence[tuple[int, int]], taken: _Taken
) -> tuple[UnclaimedMemory, ...]:
    """The largest regions, or what is left of them, that neither malloc nor a part before it has."""
    left = [UnclaimedMemory(one.called, one.rss) for one in every if one.is_unclaimed and one.rss]
    stretches = [(_resident(start, end), start, end) for one in nameless for start, end in taken.left_of(*one)]
    for resident, start, end in sorted(stretches, reverse=True)[:_UNCLAIMED_TRIED]:
        of_malloc = _engine.malloc_sums([(start, end - start, False)])
        if of_malloc is not None:
            resident -= of_malloc["heap_resident"] + of_malloc["mapped_resident"]
        left.append(UnclaimedMemory(_called(every, start), resident))
    left.sort(key=lambda one: -one.bytes)
    return tuple(one for one in left[:_UNCLAIMED_TOLD] if one.bytes > 0)


def _called(every: Sequence[Region], address: int) -> str:
    return next(one.called for one in every if one.start <= address < one.end)


def _joined(found: Iterable[Region]) -> Iterable[tuple[int, int]]:
    """Stretches of neighbours: the kernel lists one mapping as several where a forked child has extended it, and where
    parts of it were advised otherwise."""
    start = end = 0
    for one in found:
        if one.start != end:
            if end:
                yield start, end
            start = one.start
        end = one.end
    if end:
        yield start, end


def _own(taken: _Taken) -> int:
    own = _engine.own_extents()
    for start, size, _ in own:
        taken.add(start, start + size)
    return sum(resident for _, _, resident in own)


# ---- Data of libraries that begins as zeros (.bss)

_ELF_HEADER = struct.Struct("=4sB27xQ14xHH")
"""What it begins with, the class (2: 64 bits), where program headers are, their size and count."""
_PROGRAM_HEADER = struct.Struct("=I4x8xQ8xQQ8x")
"""Type, address, bytes in the file, bytes in memory."""
_LOAD = 1
_READ_AT_ONCE = 4096


def _data_without_file(every: Sequence[Region], nameless: Sequence[tuple[int, int]], taken: _Taken) -> tuple[int, int]:
    """Bytes in memory of the profiler's libraries, and of all others: the loader maps it behind their files' data, and
    the kernel lists it as nameless memory."""
    own = {os.path.realpath(path) for path in (_engine.library_path(), _engine.__file__)}
    code = {one.path for one in every if "x" in one.permissions and one.path.startswith("/")}
    code = {path for path in code if not path.startswith("/dev/")}  # to read a device may change it
    sums = [0, 0]
    ends = [end for _, end in nameless]
    with suppress(OSError), open("/proc/self/mem", "rb", buffering=0) as memory:
        for first in every:
            if first.offset or first.path not in code:
                continue
            for start, end in _zeroed(memory.fileno(), first):
                for at in range(bisect_right(ends, start), len(nameless)):
                    if nameless[at][0] >= end:
                        break
                    for place in taken.left_of(max(start, nameless[at][0]), min(end, nameless[at][1])):
                        taken.add(*place)
                        sums[first.path not in own] += _resident(*place)
    return sums[0], sums[1]


def _zeroed(memory: int, first: Region) -> Iterable[tuple[int, int]]:
    """Whole pages of an object that the file has no bytes for, by the headers that its first region begins with."""
    with suppress(OSError, struct.error):
        head = os.pread(memory, min(_READ_AT_ONCE, first.end - first.start), first.start)
        magic, width, at, size, count = _ELF_HEADER.unpack_from(head)
        if magic != b"\x7fELF" or width != 2:
            return
        headers = (_PROGRAM_HEADER.unpack_from(head, at + size * number) for number in range(count))
        loads = [header[1:] for header in headers if header[0] == _LOAD]
        base = first.start - (loads[0][0] & -_PAGE) if loads else 0
        for address, in_file, in_memory in loads:
            start, end = (base + address + length + _PAGE - 1 & -_PAGE for length in (in_file, in_memory))
            if start < end:
                yield start, end


# ---- Mappings of the program


def _in_rss(ranges: Iterable[Range], every: Sequence[Region]) -> list[Range]:
    """Those that are not of reserved huge pages (MAP_HUGETLB), which the kernel counts in no RSS."""
    huge = [one for one in every if one.is_huge]
    return [one for one in ranges if not any(of.start <= one.address < of.end for of in huge)]


def _mapped(ranges: Iterable[Range], taken: _Taken) -> int:
    """Bytes in memory of the program's own mappings; those that are sampled stand for others like them."""
    total = 0.0
    for one in ranges:
        total += _in_memory(one) / one.probability
        taken.add(one.address, one.address + one.size)
    return round(total)


def _in_memory(one: Range) -> int:
    return 0 if one.resident == NOT_KNOWN else one.resident


def _mapped_of_files(ranges: Iterable[Range], files: Sequence[Region]) -> int:
    """What of the regions of files is the program's own mappings."""
    starts = [one.start for one in files]
    total = 0
    for one in ranges:
        at = bisect_right(starts, one.address) - 1
        if at >= 0 and one.address < files[at].end:
            total += _in_memory(one)
    return total


# ---- Stacks of threads


def _stacks(every: Sequence[Region], taken: _Taken) -> int:
    """Bytes in memory of the stacks of all threads but the first: nameless regions above a guard, with the thread's own
    address in them."""
    total = 0
    anchors = thread_names.addresses()
    for before, one in zip(every, every[1:]):
        is_guarded = before.permissions.startswith("---p") and before.end == one.start and not before.path
        if not (is_guarded and one.is_nameless and before.end - before.start <= _GUARD_MAX):
            continue
        at = bisect_right(anchors, one.start)
        anchor = anchors[at] if at < len(anchors) and anchors[at] < one.end else _anchor_in(one)
        if anchor is None:
            continue
        end = min((anchor + _STACK_TAIL + _PAGE - 1) & -_PAGE, one.end)
        total += one.rss if end == one.end else _resident(one.start, end)
        taken.add(one.start, end)
    return total


def _frames(taken: _Taken) -> int:
    """Bytes in memory of what threads keep the frames of Python's calls in."""
    total = 0
    for start, size in _WORDS.iter_unpack(_engine.frame_chunks()):
        for place in taken.left_of(start, start + size):
            taken.add(*place)
            total += _resident(*place)
    return total


def _anchor_in(region: Region) -> int | None:
    """The address of a thread that Python does not know: its record, near the end of its stack, begins with it."""
    size = min(16 * _PAGE, region.end - region.start)
    with suppress(OSError), open("/proc/self/mem", "rb", buffering=0) as memory:
        start = region.end - size
        words = memoryview(os.pread(memory.fileno(), size, start)).cast("Q")
        for at in range(0, len(words) - 2, 8):
            address = start + 8 * at
            if words[at] == address == words[at + 2]:
                return address
    return None


def _resident(start: int, end: int) -> int:
    return _engine.resident_of([(start, end)])[0]


# ---- Another malloc than libc's

_MIMALLOC = range(2 << 40, 30 << 40)
"""Where mimalloc asks the kernel for memory (MI_HINT_BASE to MI_HINT_MAX), and nobody else is given any."""


def _other_malloc(nameless: Sequence[tuple[int, int]], taken: _Taken, absent: int) -> dict[str, int]:
    """By its own statistics, which count pages of blocks that nobody has touched: it cannot have more in memory than is
    there and nobody else's. All of its memory where it has no statistics."""
    said = _engine.malloc_said()
    if said is None:
        return {}
    name, used, free, own = said
    if name == "mimalloc":
        return {"native_blocks": _of_mimalloc(nameless, taken)}
    there = sum(_resident(*place) for one in nameless for place in taken.left_of(*one))
    free = min(free, there)
    return {"native_blocks": min(max(used - absent, 0) + own, there - free), "malloc_free": free}


def _are_from_mimalloc(one: object) -> bool:
    """Whether Python's objects, of which this is one, are its own mimalloc's (PYTHONMALLOC=mimalloc) and not malloc's,
    which may be another mimalloc."""
    said = _engine.malloc_said()
    return id(one) in _MIMALLOC and (said is None or said[0] != "mimalloc")


def _of_mimalloc(nameless: Sequence[tuple[int, int]], taken: _Taken) -> int:
    """All of its memory that nobody has yet, in use and free: it does not tell which is which."""
    places = [place for one in nameless if one[0] in _MIMALLOC for place in taken.left_of(*one)]
    for place in places:
        taken.add(*place)
    return sum(_resident(*place) for place in places)


# ---- What gives memory back


def trim() -> int:
    """Has malloc give back what it keeps; returns by how many bytes the process has become smaller, 0 or more."""
    before = _status().get("VmRSS", 0)
    _engine.trim_malloc()
    return max(before - _status().get("VmRSS", 0), 0)


# ---- Words of the kernel's


def _status() -> dict[str, int]:
    """What the kernel tells of the process in numbers: sizes in bytes; nothing where it cannot be read."""
    found: dict[str, int] = {}
    for line in _lines_of("/proc/self/status"):
        key, _, value = line.partition(":")
        if key in _NUMBERS:
            found[key] = int(value.split()[0]) * (1024 if value.endswith("kB") else 1)
    return found


_NUMBERS = ("VmRSS", "VmSwap", "RssAnon", "Threads")


def _cgroup() -> tuple[int | None, int | None]:
    """What the control group uses, and its limit, in bytes; None where there is none, or it is not known."""
    for line in _lines_of("/proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            folder = "/sys/fs/cgroup" + path
            return _number(f"{folder}/memory.current"), _number(f"{folder}/memory.max")
        if "memory" in controllers.split(","):
            folder = "/sys/fs/cgroup/memory" + path
            limit = _number(f"{folder}/memory.limit_in_bytes")
            return _number(f"{folder}/memory.usage_in_bytes"), None if limit and limit > 1 << 60 else limit
    return None, None


def _number(path: str) -> int | None:
    return whole_number("".join(_lines_of(path)))


def _lines_of(path: str) -> Iterable[str]:
    """Of a file of the kernel's; none where it cannot be read. No codec is looked up: that may need an import."""
    with suppress(OSError), open(path, "rb") as file:
        for line in file:
            yield line.decode("utf-8", "surrogateescape").rstrip("\n")
