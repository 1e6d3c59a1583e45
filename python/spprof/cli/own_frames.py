"""The frames of ours that lead to a program under ``spprof run``, which are no part of it.

as recorded, root first:  <module> ─ bootstrap.main ─ _execute ─ <module> ─ load      shown:  <module> ─ load

What we do ourselves is told apart by ``symbolize.own_code``, with and without ``spprof run``.
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
    """The snapshot without the frames that lead to the program."""
    frames_of = taken._frames_of
    mapped = taken.mapped and replace(taken.mapped, shown=theirs)
    return replace(taken, _frames_of=lambda stack_id: theirs(frames_of(stack_id)), mapped=mapped)


def cpu_without_own_frames(taken: Profile) -> Profile:
    """The profile without the frames that lead to the program."""
    frames_of = taken._frames_of
    return replace(taken, _frames_of=lambda stack_id: theirs(frames_of(stack_id)))


def theirs(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """A stack from the program's first frame on, without ours and the interpreter's between ours and the program's.

    What happens before there is a frame of the program's, by the compiler above all, has none.
    """
    end = next((index for index, frame in enumerate(frames) if frame.is_python and frame.file == BOOTSTRAP), -1)
    if end < 0:
        return frames
    while end > 0 and not frames[end - 1].is_python:
        end -= 1
    return frames[:end] or (NATIVE,)
