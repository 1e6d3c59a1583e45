"""The memory that the program has mapped itself, at one point in time, with the stacks that mapped it.

    engine ─► packed ranges, the stacks that made them, paths of files ─► Mapping, Mapping, …      made when requested
    /proc  ─► files that were mapped before the start ─┘
    threads ─► their names at that moment ─────────────┘

A stack without Python frames is identified by library and thread: many libraries map memory in their own threads.
"""

from __future__ import annotations

import math
import os
import struct

from spprof import _engine
from spprof.records import NamedTuple, cached_property, dataclass, field
from spprof.results import Frame, Mapping
from spprof.symbolize.modules import Modules
from spprof.symbolize.own_code import is_own
from spprof.symbolize.stacks import KeptStacks, learn, stack_frames
from spprof.symbolize.thread_names import python_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Mapping as Table
    from typing import Final

RECORD = struct.Struct(_engine.MAPPED_FORMAT)
NOT_KNOWN: Final = 2**64 - 1
"""Value for the resident bytes of a mapping or block that the kernel did not report."""

_NO_PATH: Final = 2**32 - 1

BEFORE_START = "<mapped before the start>"
"""Function of the frame for files that were mapped before the start, or in a way that the profiler cannot follow."""

_ANONYMOUS, _FILE, _SHARED = "anonymous", "file", "shared"
_KINDS = {_engine.MAPPING_FILE: _FILE, _engine.MAPPING_SHARED: _SHARED}
"""Kinds by the engine's numbers. Mappings of all other kinds are anonymous, or grew out of a mapping unknown to the
engine.
"""

_SHARED_MEMORY = ("/dev/shm/", "/memfd:", "/SYSV", "/dev/zero")
"""The kernel's names for shared memory that is not in a folder of files."""

_NAMELESS = "/dev/zero"
_DELETED = " (deleted)"

_HANDING_ON = ("libc.so", "libc-", "ld-linux", "ld-", "libstdc++.so", "libpthread", "libspprof_alloc")
"""Beginnings of the names of libraries that map memory on behalf of others."""


class Range(NamedTuple):
    """A mapping as the engine records it."""

    address: int
    size: int
    resident: int
    swapped: int
    stack_id: int
    """0: mapped before the start."""
    time_ns: int
    probability: float
    thread_id: int
    kind: int
    path: int


def _as_they_are(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    return frames


@dataclass(frozen=True, eq=False, repr=False)
class MappedMemory:
    """The mappings of one snapshot."""

    ranges: Sequence[Range]
    """By ascending address."""
    _paths: Sequence[str] = ()
    _frames_of: Callable[[int], tuple[Frame, ...]] = stack_frames
    _learn: Callable[[Iterable[int]], None] = learn
    _wall_minus_monotonic_ns: int = 0
    _thread_names: Table[int, str] = field(default_factory=dict)
    shown: Callable[[tuple[Frame, ...]], tuple[Frame, ...]] = _as_they_are
    """Return the frames to show for a stack that has a Python frame."""

    @property
    def is_resident_known(self) -> bool:
        """True if the resident size of every mapping is known."""
        return all(one.resident != NOT_KNOWN for one in self.ranges)

    @cached_property
    def mappings(self) -> tuple[Mapping, ...]:
        """The mappings by ascending address."""
        self._learn({one.stack_id for one in self.ranges if one.stack_id})
        libraries = Modules(_engine.modules())
        return tuple(self._mapping(one, libraries) for one in self.ranges)

    def _mapping(self, one: Range, libraries: Modules) -> Mapping:
        listed = self._paths[one.path] if one.path != _NO_PATH else ""
        path = _name(listed)
        name = self._thread_names.get(one.thread_id, "")
        return Mapping(
            one.address,
            one.size,
            None if one.resident == NOT_KNOWN else one.resident,
            one.time_ns + self._wall_minus_monotonic_ns if one.stack_id else 0,
            one.thread_id,
            name,
            self._stack(one, path, name, libraries),
            _kind(one.kind, listed),
            path,
            None if one.swapped == NOT_KNOWN else one.swapped,
            one.probability,
        )

    def _stack(self, one: Range, path: str, thread_name: str, libraries: Modules) -> tuple[Frame, ...]:
        if not one.stack_id:
            return (Frame(BEFORE_START, path, 0, 0, False),)
        frames = self._frames_of(one.stack_id)
        if any(frame.is_python for frame in frames):
            return self.shown(frames)
        library = _library(frames, libraries)
        what = os.path.basename(library) or "<native>"
        return (Frame(f"{what}, thread {thread_name or one.thread_id}", library, 0, 0, False), *frames)


def take(wall_minus_monotonic_ns: int, since_ns: int = 0) -> MappedMemory:
    """Return the current mappings. ``since_ns``: only those made after this time of the monotonic clock; 0: all."""
    every, paths, stacks = _listed()
    ranges = [one for one in every if one.time_ns >= since_ns]
    kept = KeptStacks({stack_id: (stack_id, *stack) for stack_id, stack in stacks.items()}, is_part=True)
    names = python_names()
    threads = {one.thread_id for one in ranges if one.thread_id}
    names = {thread: names.get(thread) or _engine.thread_name(thread) for thread in threads}
    return MappedMemory(ranges, paths, kept.frames, kept.learn, wall_minus_monotonic_ns, names)


def ranges_now() -> Sequence[Range]:
    """Return everything that is mapped now, by ascending address. Mappings that a snapshot measured may be gone."""
    return _listed()[0]


def _listed() -> tuple[list[Range], list[str], dict[int, _engine.MappingStack]]:
    packed, stacks = _engine.mappings()
    packed, paths = _engine.measured(packed)
    own = {stack_id for stack_id, stack in stacks.items() if is_own(stack[0])}
    every = map(Range._make, RECORD.iter_unpack(packed))
    return [one for one in every if one.stack_id not in own], paths, stacks


def drawn_at(mapping: Mapping) -> int:
    """Return the mean bytes between samples at which a mapping of this size would have this probability; 0: it is
    certain.
    """
    if mapping.probability >= 1.0:
        return 0
    return max(round(-mapping.size / math.log1p(-mapping.probability)), 1)


def _name(path: str) -> str:
    """Return a path without the suffix that the kernel appends for deleted files; "" for unnamed memory."""
    if path.startswith(_NAMELESS):
        return ""
    return path[: -len(_DELETED)] if path.endswith(_DELETED) else path


def _kind(number: int, path: str) -> str:
    kind = _KINDS.get(number, _ANONYMOUS)
    if path.startswith(_SHARED_MEMORY):
        return _SHARED
    return _FILE if path and kind == _ANONYMOUS else kind


def _library(frames: tuple[Frame, ...], libraries: Modules) -> str:
    """Return the path of the innermost library that mapped on its own behalf; "" if unknown."""
    paths = list(_paths(frames, libraries))
    return next((path for path in paths if not os.path.basename(path).startswith(_HANDING_ON)), (paths or [""])[0])


def _paths(frames: tuple[Frame, ...], libraries: Modules) -> Iterator[str]:
    for frame in frames:
        module = libraries.latest_at(frame.address - 1) if frame.address else None
        if module is not None:
            yield module.path
