"""speedscope's JSON, which https://www.speedscope.app opens: sampled profiles over one table of frames.

    heap profile  in use: bytes, in use: objects, allocated: bytes, allocated: objects     one sample per stack
    CPU profile   MainThread (4711), worker (4712), …                                      samples in order of time

Frames are listed root first. The weights are integers; the end value of a profile is their sum. The format is defined
by the file-format-schema.json that the "$schema" entry names.
"""

from __future__ import annotations

from spprof._engine import VERSION
from spprof.formats.frame_memo import PerFrame
from spprof.formats.profile_stacks import ProfileStacks
from spprof.json_text import encoded
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spprof.formats.source import Chart
    from spprof.pprof.profile import Profile
    from spprof.results import Frame

_TIME_UNITS = ("nanoseconds", "microseconds", "milliseconds", "seconds")


def write(profile: Profile, timeline: Sequence[Chart] | None = None, with_source: bool = True) -> Iterator[bytes]:
    """Yield the file. Deterministic: equal profiles give the same bytes.

    ``timeline``: a chart for each thread with its stacks in order of time; None: every stack once.
    """
    stacks, frames = ProfileStacks(profile), _FrameTable()
    charts = stacks.charts() if timeline is None else timeline
    profiles = [_profile(chart, frames) for chart in charts]
    document = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": stacks.title,
        "exporter": f"spprof {VERSION}",
        "activeProfileIndex": 0,
        "shared": {"frames": frames.rows},
        "profiles": profiles,
    }
    yield encoded(document)
    yield b"\n"


class _FrameTable:
    """Numbers frames by what a reader sees: function, file and line."""

    def __init__(self) -> None:
        self.rows: list[dict[str, str | int]] = []
        self._index: dict[tuple[str, str, int], int] = {}
        self._indices = PerFrame(self._index_of)
        self._stacks: dict[int, tuple[tuple[Frame, ...], tuple[int, ...]]] = {}
        """Keyed by identity, since hashing a stack costs more than everything else. Each stack is kept, so that its id
        is not reused.
        """

    def indices(self, leaf_first: tuple[Frame, ...]) -> tuple[int, ...]:
        """Return the numbers of a stack's frames, root first; the same tuple for the same stack."""
        known = self._stacks.get(id(leaf_first))
        if known is None:
            known = leaf_first, self._indices.of(leaf_first[::-1])
            self._stacks[id(leaf_first)] = known
        return known[1]

    def _index_of(self, frame: Frame) -> int:
        key = (frame.function, frame.file, frame.line)
        index = self._index.get(key)
        if index is None:
            index = self._index[key] = len(self.rows)
            self.rows.append(_row(frame))
        return index


def _row(frame: Frame) -> dict[str, str | int]:
    row: dict[str, str | int] = {"name": visible(frame.function)}
    if frame.file:
        row["file"] = visible(frame.file)
    if frame.line > 0:
        row["line"] = frame.line
    return row


def _profile(chart: Chart, frames: _FrameTable) -> dict[str, object]:
    unit = chart.unit
    kept = [(frames.indices(stack), weight) for stack, weight in chart.stacks if weight > 0]
    return {
        "type": "sampled",
        "name": visible(chart.name),
        "unit": unit if unit == "bytes" or unit in _TIME_UNITS else "none",
        "startValue": 0,
        "endValue": sum(weight for _, weight in kept),
        "samples": [sample for sample, _ in kept],
        "weights": [weight for _, weight in kept],
    }
