"""Stack ids to frames, once for each stack of the process.

    stack id ─► (Frame, Frame, …)   leaf first; kept for good, since an id never changes its meaning
                   │
    equal frames ──┴─► one Frame    shared by every stack that runs through it

Threads: any. Two that meet a new stack at once both build it, and both get the one that was stored first; there is no
lock that a fork or a signal handler could find taken.
"""

from __future__ import annotations

from spprof import _memprof
from spprof.model import Frame

NATIVE = Frame("<native>", "", 0, 0, False)
"""Stands for a stack without any frame: a thread that runs no Python."""

CUT = Frame("<cut>", "", 0, 0, False)
"""Stands at the root of a stack deeper than the engine keeps, for the callers that were left out."""

_frames: dict[tuple[str, str, int, int, bool], Frame] = {}
_stacks: dict[int, tuple[Frame, ...]] = {}


def stack_frames(stack_id: int) -> tuple[Frame, ...]:
    """The frames of a stack, leaf first, never empty. The same tuple for the same id."""
    known = _stacks.get(stack_id)
    return known if known is not None else _symbolise_slow(stack_id)


def _symbolise_slow(stack_id: int) -> tuple[Frame, ...]:
    records, cut = _memprof.stack(stack_id)
    frames = tuple(_frames.get(record) or _frames.setdefault(record, Frame(*record)) for record in records)
    if cut:
        frames += (CUT,)
    return _stacks.setdefault(stack_id, frames or (NATIVE,))
