"""Sites: the places in the program by which live samples are summed.

stack (leaf first) ─► innermost Python frame ─► SiteKey(function, file, line) ─► LiveSite, the sums
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from spprof import _engine
from spprof.analysis import estimate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spprof._engine import Site
    from spprof.results import Frame

_BYTES_ONE = _engine.BYTES_ONE
_OBJECTS_ONE = _engine.OBJECTS_ONE


class SiteKey(NamedTuple):
    """A place in the program: what ``top_allocators`` and ``compare`` group by."""

    function: str
    file: str
    line: int


def key_of(frame: Frame) -> SiteKey:
    """Where a frame stands."""
    return SiteKey(frame.function, frame.file, frame.line)


class LiveSite:
    """Sums over the live samples of one site, in bytes, objects and samples."""

    __slots__ = ("fixed_bytes", "fixed_objects", "natives", "samples", "seen_bytes", "skewness", "variance")

    def __init__(self) -> None:
        self.samples = 0
        self.seen_bytes = 0
        self.fixed_bytes = 0  # in 1/BYTES_ONE, so that sums are exact
        self.fixed_objects = 0  # in 1/OBJECTS_ONE
        self.variance = 0.0
        self.skewness = 0.0
        self.natives: dict[str, int] = {}  # native function beneath the site -> fixed_bytes

    def add(self, site: Site) -> None:
        """Adds the live columns of one stack."""
        self.samples += site[1]
        self.seen_bytes += site[2]
        self.fixed_bytes += site[3]
        self.fixed_objects += site[4]
        self.variance += site[5]
        self.skewness += site[6]

    @property
    def estimated_bytes(self) -> int:
        return rounded(self.fixed_bytes, _BYTES_ONE)

    @property
    def estimated_objects(self) -> int:
        return rounded(self.fixed_objects, _OBJECTS_ONE)

    def bytes_interval(self, confidence: float = 0.95) -> tuple[int, int]:
        exact = self.fixed_bytes / _BYTES_ONE
        return outwards(estimate.interval(exact, self.variance, self.skewness, self.seen_bytes, confidence))


def site_frame(frames: Iterable[Frame]) -> Frame:
    """The innermost Python frame; the innermost frame of all where there is none."""
    innermost = None
    for frame in frames:
        if frame.is_python:
            return frame
        innermost = innermost or frame
    assert innermost is not None, "a stack is never empty"
    return innermost


def rounded(fixed: int, one: int) -> int:
    """The whole number nearest to ``fixed / one``, in integers: heaps exceed what a float holds exactly."""
    return (2 * fixed + one) // (2 * one)


def outwards(ends: tuple[float, float]) -> tuple[int, int]:
    """The narrowest interval of whole numbers around ``ends``."""
    return math.floor(ends[0]), math.ceil(ends[1])
