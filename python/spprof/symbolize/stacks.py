"""Stack ids to frames, once for each stack of the process.

    stack id ─► words ─► symbols ─► interpreter_frames ─► (Frame, Frame, …)   leaf first

Frames are kept for good, since an id never changes its meaning.

New stacks are best learned together: their native frames are then looked up module by module.

Threads: any. Two that meet a new stack at once both build it, and both get the one that was stored first; there is no
lock that a fork or a signal handler could find taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof import _engine
from spprof.results import Frame
from spprof.symbolize import frames as symbols
from spprof.symbolize.interpreter_frames import telling

if TYPE_CHECKING:
    from collections.abc import Iterable

NATIVE = Frame("<native>", "", 0, 0, False)
"""Stands for a stack without any frame."""

CUT = Frame("<cut>", "", 0, 0, False)
"""Stands at the root of a stack deeper than the engine keeps, for the callers that were left out."""


_stacks: dict[int, tuple[Frame, ...]] = {}


def stack_frames(stack_id: int) -> tuple[Frame, ...]:
    """The frames of a stack that tell something, leaf first, never empty. The same tuple for the same id."""
    known = _stacks.get(stack_id)
    if known is None:
        learn([stack_id])
        known = _stacks[stack_id]
    return known


def learn(stack_ids: Iterable[int]) -> None:
    """Finds out about all stacks that are new."""
    new = [stack_id for stack_id in stack_ids if stack_id not in _stacks]
    words: set[int] = set()
    for stack_id in new:
        words.update(_engine.stack(stack_id)[0])
    symbols.learn(words)
    for stack_id in new:  # asked again, which takes less memory than keeping the words of all
        _stacks.setdefault(stack_id, _frames(*_engine.stack(stack_id)))


def _frames(words: tuple[int, ...], cut: bool, truncated: bool) -> tuple[Frame, ...]:
    known = symbols.symbols_of(words)
    roles = "".join([one.role for one in known])
    frames = telling([one.frame for one in known], roles, has_root=not (cut or truncated))
    return ((*frames, CUT) if cut else frames) or (NATIVE,)
