"""Run the workloads whose results these tests judge."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from build_folder import build_folder
from child import TIMEOUT_SECONDS, Child
from spprof import _engine


class Run(NamedTuple):
    """One run of ``workload.c``: the true values and the engine's estimates, in bytes and blocks."""

    bytes: int
    objects: int
    kept_bytes: int
    kept_objects: int
    estimated_bytes: float
    estimated_objects: float
    estimated_live_bytes: float
    estimated_live_objects: float
    samples: int
    live_samples: int
    seen_bytes: int
    left_out: int
    variance: float
    skewness: float


def parse(line: str) -> Run:
    *integers, variance, skewness = line.split()
    numbers = [*map(int, integers)]
    estimates = [
        numbers[4] / _engine.BYTES_ONE,
        numbers[5] / _engine.OBJECTS_ONE,
        numbers[6] / _engine.BYTES_ONE,
        numbers[7] / _engine.OBJECTS_ONE,
    ]
    return Run(*numbers[:4], *estimates, *numbers[8:], float(variance), float(skewness))


def run_workload(kinds: dict[int, int], rates: tuple[int, ...], **options: int) -> list[Run]:
    """Make ``workload`` allocate ``kinds`` (size: count) and return its runs."""
    arguments = [f"rates={','.join(map(str, rates))}"]
    arguments += [f"{name}={value}" for name, value in options.items()]
    arguments += [f"{size}:{count}" for size, count in kinds.items()]
    finished = subprocess.run(
        [str(build_folder() / "tests" / "accuracy" / "workload"), *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert finished.returncode == 0, f"{arguments}: {finished.stderr}"
    runs = [parse(line) for line in finished.stdout.splitlines()]
    assert len(runs) == options.get("runs", 1)
    return runs


@pytest.fixture
def child(tmp_path: Path) -> Child:
    """Runs programs in child processes, because each process has only one profiler."""
    return Child(tmp_path)
