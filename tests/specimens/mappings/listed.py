"""The program's own mappings that the engine lists."""

from __future__ import annotations

import struct
from typing import NamedTuple

from spprof import _engine


class Listed(NamedTuple):
    address: int
    size: int
    kind: int
    probability: float
    thread_id: int
    functions: list[str]
    """The Python functions, leaf first."""
    line: int
    """The line of the first function."""


def mappings() -> list[Listed]:
    packed, stacks = _engine.mappings()
    found = []
    for address, size, stack_id, _, probability, thread_id, kind in struct.iter_unpack(_engine.MAPPING_FORMAT, packed):
        words, _, _ = stacks[stack_id]
        frames = [_engine.code(word) for (word,) in struct.iter_unpack("=Q", words) if word >> 63]
        line = frames[0][2] if frames else 0
        found.append(Listed(address, size, kind, probability, thread_id, [frame[0] for frame in frames], line))
    return found


def made_in(function: str) -> list[Listed]:
    """Return the mappings made by this function or its callees."""
    return [listed for listed in mappings() if function in listed.functions]
