"""What of a profile is the program's, and what is ours: the frames that lead to it, and the thread that writes files.

as recorded, root first:  <module> ─ bootstrap.main ─ _execute ─ <module> ─ load      shown:  <module> ─ load
the thread that writes:   recorder._tick ─ …            of the heap left out, of the CPU time one frame, <spprof>
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from spprof.heap.samples import SAMPLE, STACK_ID
from spprof.records import replace
from spprof.results import Frame
from spprof.symbolize.stacks import NATIVE

if TYPE_CHECKING:
    from spprof.cpu_time.profile import Profile
    from spprof.heap.snapshot import HeapSnapshot

OURS = (Frame("<spprof>", "", 0, 0, False),)
"""Stands for what writing the file as the program goes has used."""

_OUR_FOLDER = os.path.dirname(__file__) + os.sep
_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep
_RECORDER = os.path.join(_OUR_FOLDER, "recorder.py")


def heap_without_own_frames(taken: HeapSnapshot) -> HeapSnapshot:
    """The snapshot without the frames that lead to the program, and without what our own thread allocated."""
    ours = {totals[0] for totals in taken.site_totals() if _is_ticking(taken.frames(totals[0]))}
    if ours:
        taken = _without_stacks(taken, ours)
    frames_of = taken._frames_of
    return replace(taken, _frames_of=lambda stack_id: theirs(frames_of(stack_id)))


def cpu_without_own_frames(taken: Profile) -> Profile:
    """The profile without the frames that lead to the program. No time is left out: it was used."""
    frames_of = taken._frames_of

    def shown(stack_id: int) -> tuple[Frame, ...]:
        frames = frames_of(stack_id)
        return OURS if _is_ticking(frames) else theirs(frames)

    return replace(taken, _frames_of=shown)


def _without_stacks(taken: HeapSnapshot, ours: set[int]) -> HeapSnapshot:
    kept = [record for record in taken.records() if record[STACK_ID] not in ours]
    return replace(
        taken,
        live_samples=len(kept),
        _packed=b"".join(SAMPLE.pack(*record) for record in kept),
        _sites=[site for site in taken._sites if site[0] not in ours],
    )


def _is_ticking(frames: tuple[Frame, ...]) -> bool:
    return any(frame.is_python and frame.file == _RECORDER and frame.function.endswith("_tick") for frame in frames)


def theirs(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """A stack from the program's first frame on, without ours and the interpreter's between ours and the program's.

    What happens before there is a frame of the program's, by the compiler above all, has none.
    """
    ours = (index for index, frame in enumerate(frames) if frame.is_python and frame.file.startswith(_OUR_FOLDER))
    end = next(ours, -1)
    if end < 0:
        return frames
    while end > 0 and not frames[end - 1].is_python:
        end -= 1
    is_program = end > 0 and not frames[end - 1].file.startswith(_PACKAGE)
    return frames[:end] if is_program else (NATIVE,)
