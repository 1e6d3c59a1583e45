"""Zero-initialized data of libraries (.bss).

The loader maps it after the initialized data from the library's file, and the kernel lists it as unnamed memory.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right

from spprof import _engine
from spprof.process.stretches import bytes_in_memory
from spprof.records import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spprof.process.regions import Region
    from spprof.process.stretches import Taken

_PAGE = os.sysconf("SC_PAGE_SIZE")
_ELF_HEADER = struct.Struct("=4sB27xQ14xHH")
"""Magic number, class (2: 64 bits), offset of the program headers, their size and their count."""
_PROGRAM_HEADER = struct.Struct("=I4x8xQ8xQQ8x")
"""Type, address, bytes in the file, bytes in memory."""
_LOAD = 1
_READ_AT_ONCE = 4096


def data_without_file(every: Sequence[Region], nameless: Sequence[tuple[int, int]], taken: Taken) -> tuple[int, int]:
    """Return the resident bytes of such data in the profiler's own libraries, and in all others."""
    own = {os.path.realpath(path) for path in (_engine.library_path(), _engine.__file__)}
    code = {one.path for one in every if "x" in one.permissions and one.path.startswith("/")}
    code = {path for path in code if not path.startswith("/dev/")}  # reading a device may change its state
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
                        sums[first.path not in own] += bytes_in_memory(*place)
    return sums[0], sums[1]


def _zeroed(memory: int, first: Region) -> Iterable[tuple[int, int]]:
    """Yield the whole pages of an object that have no bytes in its file, according to the headers in ``first``."""
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
