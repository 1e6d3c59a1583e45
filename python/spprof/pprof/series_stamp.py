"""Marks the position of a file in a series of snapshots, with comments and labels that no other file has.

comment series: <mark> <number> <reference>      the series; the snapshot; the snapshot it builds on, or -1: it is whole
comment monotonic_ms: <time>                     the time on the monotonic clock, which cannot be set comment gone: <id>
<id> …                        stacks of the reference that no longer exist label stack
the stack that a row belongs to: its rows are replaced together label allocated_by                               the
first snapshot that could see the block, by its monotonic_ms
"""

from __future__ import annotations

from spprof.pprof.profile import ProfileError
from spprof.records import NamedTuple
from spprof.text import whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from spprof.pprof.profile import Profile

SERIES, MONOTONIC_MS, GONE, UNWRITTEN = "series", "monotonic_ms", "gone", "unwritten"
"""Keys of comments. ``unwritten``: the number of snapshots so far that could not be written."""

STACK, ALLOCATED_BY = "stack", "allocated_by"
"""Keys of labels."""

WHOLE = -1
"""The reference of a snapshot that builds on no other."""


class Stamp(NamedTuple):
    """The position of a file in its series."""

    mark: str
    """The series' mark, drawn at random."""
    number: int
    reference: int
    """The number of the snapshot that it builds on; WHOLE for none."""
    monotonic_ms: int


def stamp_of(profile: Profile) -> Stamp | None:
    """Return the position of a file in a series; None if it belongs to none.

    ProfileError: it belongs to a series in the format of another version. The message does not name the file.
    """
    text = profile.note(SERIES)
    if text is None:
        return None
    words = text.split(" ")
    numbers = [whole_number(word) for word in (*words[1:], profile.note(MONOTONIC_MS))]
    if len(numbers) == 3:
        number, reference, monotonic_ms = numbers
        if number is not None and reference is not None and monotonic_ms is not None and WHOLE <= reference < number:
            return Stamp(words[0], number, reference, monotonic_ms)
    raise ProfileError("it belongs to a series in the format of another version of spprof")


def comments(stamp: Stamp, gone: Sequence[int], unwritten: int) -> dict[str, str]:
    """Return the comments of a file. ``gone``: ids of stacks that are in the reference but not in this snapshot.
    ``unwritten``: the number of snapshots so far that could not be written.
    """
    return {
        SERIES: f"{stamp.mark} {stamp.number} {stamp.reference}",
        MONOTONIC_MS: str(stamp.monotonic_ms),
        **({GONE: " ".join(map(str, gone))} if gone else {}),
        **({UNWRITTEN: str(unwritten)} if unwritten else {}),
    }


def gone_of(profile: Profile) -> list[int]:
    """Return the ids of stacks that are in the reference but not in this snapshot."""
    prefix = f"{GONE}: "
    texts = (comment[len(prefix) :] for comment in profile.comments if comment.startswith(prefix))
    return [number for text in texts for number in map(whole_number, text.split(" ")) if number is not None]


def is_stamp(comment: str) -> bool:
    """Return whether a comment is one that only series files have."""
    return comment.partition(": ")[0] in (SERIES, MONOTONIC_MS, GONE, UNWRITTEN)
