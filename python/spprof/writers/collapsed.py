"""Collapsed stacks, which flame graph tools read: one line a stack, root first, then a space and its live bytes.

    main (app/run.py:12);load (app/data.py:40) 524288

A frame is its function with the last two parts of its file's path and, where it is known, the line. Semicolons, line
ends and control characters in names are written as escapes. Lines are sorted; stacks that read the same are one line.
UTF-8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof.text import place, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spprof.model import Frame
    from spprof.writers import StackSource


def write(snapshot: StackSource) -> Iterator[bytes]:
    """Yields the file. Deterministic: the same snapshot gives the same bytes."""
    bytes_of: dict[str, int] = {}
    for stack in snapshot.stack_totals():
        inuse_bytes = stack.weights[0]
        if inuse_bytes > 0:
            line = ";".join(_text(frame) for frame in reversed(stack.frames))
            bytes_of[line] = bytes_of.get(line, 0) + inuse_bytes
    for line in sorted(bytes_of):
        yield f"{line} {bytes_of[line]}\n".encode()


def _text(frame: Frame) -> str:
    name = visible(frame.function, ";")
    if not frame.file:
        return name
    short = "/".join(frame.file.replace("\\", "/").split("/")[-2:])
    return f"{name} ({visible(place(short, frame.line), ';')})"
