"""The number of samples per second matches the quickstart's table. Seeds are fixed."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from conftest import run_workload

KB = 1024
BLOCKS, BLOCK = 100 * 1024, 1 * KB  # 100 MB
QUICKSTART = Path(__file__).parents[2] / "docs" / "quickstart.md"


def table() -> dict[int, int]:
    """Return samples per second at 100 MB/s, keyed by rate in KB."""
    rows = re.findall(r"^\| \**(\d+) (KB|MB)\**[^|]*\| ~(\d+) \|", QUICKSTART.read_text(encoding="utf-8"), re.MULTILINE)
    return {int(rate) * (1024 if unit == "MB" else 1): int(samples) for rate, unit, samples in rows}


def test_the_table_has_the_four_rates() -> None:
    assert table() == {64: 1600, 256: 400, 512: 200, 1024: 100}


@pytest.mark.parametrize(("rate_kb", "promised"), table().items())
def test_a_hundred_megabytes_of_small_blocks(rate_kb: int, promised: int) -> None:
    (run,) = run_workload({BLOCK: BLOCKS}, (rate_kb * KB,), seed=100 + rate_kb)
    probability = -math.expm1(-BLOCK / (rate_kb * KB))
    error = math.sqrt(BLOCKS * probability * (1 - probability))
    assert abs(run.samples - BLOCKS * probability) <= 4 * error
    assert abs(run.samples - promised) <= 4 * error


@pytest.mark.parametrize("rate_kb", table())
def test_the_mean_of_many_seconds(rate_kb: int) -> None:
    runs = run_workload({BLOCK: BLOCKS}, (rate_kb * KB,), runs=64, seed=200 + rate_kb)
    probability = -math.expm1(-BLOCK / (rate_kb * KB))
    error = math.sqrt(len(runs) * BLOCKS * probability * (1 - probability))
    assert abs(sum(run.samples for run in runs) - len(runs) * BLOCKS * probability) <= 4 * error
