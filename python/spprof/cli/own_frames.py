"""Removes our own frames that lead to the program under ``spprof run``.

as recorded, root first:  <module> ─ bootstrap.main ─ _execute ─ <module> ─ load      shown:  <module> ─ load

``symbolize.own_code`` recognizes the profiler's own work, with and without ``spprof run``.
"""

from __future__ import annotations

from spprof.records import replace
from spprof.symbolize.own_code import BOOTSTRAP
from spprof.symbolize.stacks import NATIVE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.cpu_time.profile import Profile
    from spprof.heap.snapshot import HeapSnapshot
    from spprof.results import Frame


def heap_without_own_frames(taken: HeapSnapshot) -> HeapSnapshot:
    """Return the snapshot without the frames that lead to the program."""
    frames_of = taken._frames_of
    mapped = taken.mapped and replace(taken.mapped, shown=theirs)
    return replace(taken, _frames_of=lambda stack_id: theirs(frames_of(stack_id)), mapped=mapped)


def cpu_without_own_frames(taken: Profile) -> Profile:
    """Return the profile without the frames that lead to the program."""
    frames_of = taken._frames_of
    return replace(taken, _frames_of=lambda stack_id: theirs(frames_of(stack_id)))


def theirs(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """Return a stack from the program's first frame on. Leave out our frames, and the interpreter's frames between ours
    and the program's.

    Work before the program's first frame, mostly compiling, has no frame of the program; its stack becomes NATIVE.
    """
    end = next((index for index, frame in enumerate(frames) if frame.is_python and frame.file == BOOTSTRAP), -1)
    if end < 0:
        return frames
    while end > 0 and not frames[end - 1].is_python:
        end -= 1
    return frames[:end] or (NATIVE,)
