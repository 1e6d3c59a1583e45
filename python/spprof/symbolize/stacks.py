"""Turns stacks into frames, only once for each stack of the process.

    snapshot ─► id, words ─► symbols ─► interpreter_frames ─► (Frame, Frame, …)   leaf first

Frames are kept by stack id, whose meaning never changes. Frames of stacks that are missing from later snapshots are
dropped.

It is best to look up new stacks together, since their native frames are then looked up module by module.

Threads: any. If two threads build a new stack at once, both get the one that was stored first. There is no lock that
could be held when a fork or a signal handler needs it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

from spprof import _engine
from spprof.results import Frame
from spprof.symbolize import frames as symbols
from spprof.symbolize.interpreter_frames import telling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from spprof._engine import NativePart

    Kept = Sequence[Any]
    """A stack's id, its packed words, whether it is depth-limited, whether it is truncated."""

NATIVE = Frame("<native>", "", 0, 0, False)
"""Stands for a stack without any frame."""

CUT = Frame("<cut>", "", 0, 0, False)
"""Stands for the omitted callers at the root of a stack that is deeper than the engine keeps."""


_stacks: dict[int, tuple[Frame, ...]] = {}

_SPARE = 1024
"""The minimum number of stacks that are kept in addition to those of the last snapshot or profile."""


class KeptStacks:
    """The stacks of one snapshot or profile, as the engine had them at that time. They may leave its table later.

    Each stack is identified by its number in ``kept``.
    """

    def __init__(self, kept: Mapping[int, Kept], is_part: bool = False) -> None:
        """``is_part``: the process has more stacks, which must not be dropped in favour of these."""
        self._kept = kept
        self._is_part = is_part

    def frames(self, number: int) -> tuple[Frame, ...]:
        """Return the informative frames, leaf first, never empty."""
        known = _stacks.get(self._kept[number][0])
        if known is None:
            self.learn([number])
            known = _stacks.get(self._kept[number][0]) or _frames(*_unpacked(self._kept[number]))
        return known

    def learn(self, numbers: Iterable[int]) -> None:
        """Look up all of these stacks that are new. Drop other stacks if there are many."""
        new = [kept for kept in map(self._kept.__getitem__, numbers) if kept[0] not in _stacks]
        words: set[int] = set()
        for kept in new:
            words.update(_unpacked(kept)[0])
        symbols.learn(words)
        for kept in new:  # unpacked again, which takes less memory than keeping all words
            _stacks.setdefault(kept[0], _frames(*_unpacked(kept)))
        if not self._is_part and len(_stacks) > 2 * len(self._kept) + _SPARE:
            self._forget_others()

    def native_part(self, number: int) -> NativePart:
        """Return the native part of a stack."""
        _, words, _, truncated = self._kept[number]
        return _engine.native_part(words, truncated)

    def _forget_others(self) -> None:
        here = {kept[0] for kept in self._kept.values()}
        for stack_id in [stack_id for stack_id in list(_stacks) if stack_id not in here]:
            _stacks.pop(stack_id, None)


def stack_frames(stack_id: int) -> tuple[Frame, ...]:
    """Return the frames of a stack in the engine's table, like ``KeptStacks.frames``. The same id always gives the same
    tuple.
    """
    known = _stacks.get(stack_id)
    if known is None:
        learn([stack_id])
        known = _stacks[stack_id]
    return known


def learn(stack_ids: Iterable[int]) -> None:
    """Look up all stacks in the engine's table that are new."""
    new = [stack_id for stack_id in stack_ids if stack_id not in _stacks]
    words: set[int] = set()
    for stack_id in new:
        words.update(_engine.stack(stack_id)[0])
    symbols.learn(words)
    for stack_id in new:  # read again, which takes less memory than keeping all words
        _stacks.setdefault(stack_id, _frames(*_engine.stack(stack_id)))


def forget(stack_ids: Iterable[int]) -> None:
    """Drop stacks that have left the engine's table."""
    for stack_id in stack_ids:
        _stacks.pop(stack_id, None)


def native_part(stack_id: int) -> NativePart:
    """Return the native part of a stack in the engine's table."""
    words, _, truncated = _engine.stack(stack_id)
    return _engine.native_part(struct.pack(f"={len(words)}Q", *words), truncated)


def _unpacked(kept: Kept) -> tuple[tuple[int, ...], bool, bool]:
    return tuple(memoryview(kept[1]).cast("Q")), kept[2], kept[3]


def _frames(words: tuple[int, ...], cut: bool, truncated: bool) -> tuple[Frame, ...]:
    known = symbols.symbols_of(words)
    roles = "".join([one.role for one in known])
    frames = telling([one.frame for one in known], roles, has_root=not (cut or truncated))
    return ((*frames, CUT) if cut else frames) or (NATIVE,)
