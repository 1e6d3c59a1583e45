"""speedscope's JSON, which https://www.speedscope.app opens: four sampled profiles over one table of frames.

    0  in use: bytes       what is live, estimated        unit bytes
    1  in use: objects                                    unit none
    2  allocated: bytes    all that was ever allocated    unit bytes
    3  allocated: objects                                 unit none

Each stack is one sample, root first, with its estimate as weight. The weights are whole numbers; the end value of a
profile is their sum. The format is fixed by the file-format-schema.json that the "$schema" entry names.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from spprof._memprof import VERSION
from spprof.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spprof.model import Frame
    from spprof.writers import StackSource

_TIME_UNITS = ("nanoseconds", "microseconds", "milliseconds", "seconds")


def write(snapshot: StackSource) -> Iterator[bytes]:
    """Yields the file. Deterministic: the same snapshot gives the same bytes."""
    stacks = snapshot.stack_totals()
    frames = _FrameTable()
    samples = [frames.indices(stack.frames) for stack in stacks]
    document = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": "spprof heap profile",
        "exporter": f"spprof {VERSION}",
        "activeProfileIndex": 0,
        "shared": {"frames": frames.rows},
        "profiles": [
            _profile(name, unit, samples, [stack.weights[which] for stack in stacks])
            for which, (name, unit) in enumerate(snapshot.columns)
        ],
    }
    yield json.dumps(document, separators=(",", ":")).encode("ascii")
    yield b"\n"


class _FrameTable:
    """Numbers frames by what a reader sees of them: function, file and line."""

    def __init__(self) -> None:
        self.rows: list[dict[str, str | int]] = []
        self._index: dict[tuple[str, str, int], int] = {}

    def indices(self, leaf_first: Sequence[Frame]) -> list[int]:
        return [self._index_of(frame) for frame in reversed(leaf_first)]

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


def _profile(name: str, unit: str, samples: list[list[int]], weights: list[int]) -> dict[str, object]:
    kept = [(sample, weight) for sample, weight in zip(samples, weights) if weight > 0]
    return {
        "type": "sampled",
        "name": name,
        "unit": unit if unit == "bytes" or unit in _TIME_UNITS else "none",
        "startValue": 0,
        "endValue": sum(weight for _, weight in kept),
        "samples": [sample for sample, _ in kept],
        "weights": [weight for _, weight in kept],
    }
