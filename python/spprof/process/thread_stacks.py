"""The stacks of threads, and the chunks that hold the frames of their Python calls."""

from __future__ import annotations

import os
import struct
from bisect import bisect_right

from spprof import _engine
from spprof.process.stretches import bytes_in_memory
from spprof.records import suppress
from spprof.symbolize import thread_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from spprof.process.regions import Region
    from spprof.process.stretches import Taken

_PAGE = os.sysconf("SC_PAGE_SIZE")
_WORDS = struct.Struct("=QQ")
_STACK_TAIL = 4096
"""Bytes above a thread's own address (``pthread_self()``) that also belong to its stack. libc keeps its record of the
thread there.
"""
_GUARD_MAX = 1 << 20


def stacks(every: Sequence[Region], taken: Taken) -> int:
    """Return the resident bytes of the stacks of all threads except the first: nameless regions above a guard that
    contain a thread's own address.
    """
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
        total += one.rss if end == one.end else bytes_in_memory(one.start, end)
        taken.add(one.start, end)
    return total


def frames(taken: Taken) -> int:
    """Return the bytes in memory of the chunks in which threads keep the frames of Python calls."""
    total = 0
    for start, size in _WORDS.iter_unpack(_engine.frame_chunks()):
        for place in taken.left_of(start, start + size):
            taken.add(*place)
            total += bytes_in_memory(*place)
    return total


def _anchor_in(region: Region) -> int | None:
    """Return the address of a thread unknown to Python. The thread's record, near the end of its stack, begins with its
    own address.
    """
    size = min(16 * _PAGE, region.end - region.start)
    with suppress(OSError), open("/proc/self/mem", "rb", buffering=0) as memory:
        start = region.end - size
        words = memoryview(os.pread(memory.fileno(), size, start)).cast("Q")
        for at in range(0, len(words) - 2, 8):
            address = start + 8 * at
            if words[at] == address == words[at + 2]:
                return address
    return None
