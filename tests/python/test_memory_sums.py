"""What the parts of the memory that is resident add up to, beside each allocator's own count."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from child import Child, library_path
from conftest import ALLOCATORS
from specimens import specimen

SIZE, COUNT = 1000, 100_000
"""Larger than what pymalloc serves."""
SMALL, SMALL_COUNT = 200, 400_000

Growth = dict[str, int]


def grown(child: Child, *words: object, **environment: str) -> tuple[Growth, Growth]:
    """What each part grew by with all blocks, and with half of them."""
    program = specimen("memory_sums/grown")
    whole, half = json.loads(child.run(program, *map(str, words), environment=environment))
    return whole, half


def assert_explained(growth: Growth) -> None:
    """Within 5 %."""
    assert growth["rss"] > 64 << 20
    assert abs(growth["rest"]) * 20 <= growth["rss"], growth


def assert_about(bytes_: int, expected: int) -> None:
    assert abs(bytes_ - expected) * 10 <= expected, (bytes_, expected)


@pytest.fixture(params=["alone", "beside the profiler"])
def preloaded(request: pytest.FixtureRequest, allocator: str) -> str:
    return allocator if request.param == "alone" else f"{library_path()}:{allocator}"


@pytest.fixture(params=["jemalloc", "tcmalloc", "mimalloc"])
def allocator(request: pytest.FixtureRequest) -> str:
    path = ALLOCATORS / request.param
    found = next(path.parent.glob(f"lib{request.param}*.so.[0-9]"), None)
    if found is None:
        pytest.skip(f"no {request.param} here: make allocators")
    return str(found)
