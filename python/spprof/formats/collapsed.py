"""Collapsed stacks, which flame graph tools read: one line per stack, root first, then a space and its weight.

    main (app/run.py:12);load (app/data.py:40) 524288

The weight is that of the first column: live bytes for a heap profile, nanoseconds for a CPU profile. A frame is written
as its function, the last two parts of its file's path and, if known, the line. Semicolons, line ends and control
characters in names are escaped. Lines are sorted; stacks that read the same share one line. UTF-8.
"""

from __future__ import annotations

from spprof.formats.frame_memo import PerFrame
from spprof.formats.profile_stacks import ProfileStacks
from spprof.text import place, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spprof.formats.source import Chart
    from spprof.pprof.profile import Profile
    from spprof.results import Frame


def write(profile: Profile, timeline: Sequence[Chart] | None = None, with_source: bool = True) -> Iterator[bytes]:
    """Yield the file. Deterministic: equal profiles give the same bytes. The format cannot express order in time."""
    weight_of: dict[str, int] = {}
    texts = PerFrame(_text)
    for stack in ProfileStacks(profile).totals():
        weight = stack.weights[0]
        if weight > 0:
            line = ";".join(texts.of(stack.frames[::-1]))
            weight_of[line] = weight_of.get(line, 0) + weight
    for line in sorted(weight_of):
        yield f"{line} {weight_of[line]}\n".encode()


def _text(frame: Frame) -> str:
    name = visible(frame.function, ";")
    if not frame.file:
        return name
    short = "/".join(frame.file.replace("\\", "/").split("/")[-2:])
    return f"{name} ({visible(place(short, frame.line), ';')})"
