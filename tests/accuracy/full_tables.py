"""Run ``soak`` and ``full_tables`` (see the head of each C file) and judge their output.

Both programs compare all of the engine's sums with one another and with their own ledger, to the last 1/256 of a byte,
and fail if any two differ. This module judges the errors of the estimates and the coverage of the intervals.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
from typing import TYPE_CHECKING, Callable, NamedTuple

from spprof import _engine, estimate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

RATE = 4096
MAXIMA = {  # from src/base/options.def
    "SPPROF_LIVE_SAMPLES_MAX": 1 << 22,
    "SPPROF_STACKS_MAX": 1 << 18,
    "SPPROF_CPU_SAMPLES_MAX": 1 << 21,
    "SPPROF_CPU_THREADS_MAX": 1 << 14,
    "SPPROF_CODES_MAX": 1 << 18,
    "SPPROF_ENGINE_BYTES_MAX": 1 << 32,
}
TIMEOUT_SECONDS = 600


class Estimate(NamedTuple):
    """The true value and the estimate, in bytes."""

    truth: int
    bytes: float
    seen: int
    samples: int
    variance: float
    skewness: float

    def interval(self) -> tuple[float, float]:
        return estimate.interval(self.bytes, self.variance, self.skewness, self.seen)

    def heap_interval(self) -> tuple[float, float]:
        return estimate.heap_interval(self.bytes, self.variance, self.skewness, self.seen, RATE)


class Row(NamedTuple):
    """A row that ``soak`` prints after a step."""

    new_stacks: int
    stacks: int
    stacks_max: int
    evicted: int
    folded_samples: int
    folded_bytes: float
    unkept_samples: int
    unkept_live_samples: int
    mapped_bytes: int
    resident_bytes: int
    total_samples: int
    live_samples: int
    heap: Estimate
    line: Estimate


class Run(NamedTuple):
    """One run of ``full_tables``."""

    is_after: bool
    stacks: int
    evicted: int
    unkept_samples: int
    heap: Estimate
    line: Estimate
    allocated: Estimate


class Judgement(NamedTuple):
    """Results of many runs: how often the interval contained the true value, and the mean error in standard errors."""

    runs: int
    coverage: float
    mean_error: float
    samples: float
    """The mean number of samples."""


def shrunk(factor: int, **changed: int) -> dict[str, str]:
    """Return the environment that makes every table ``factor`` times smaller. ``changed`` sets individual maxima."""
    maxima = {name: maximum // factor for name, maximum in MAXIMA.items()}
    maxima.update({f"SPPROF_{name.upper()}": value for name, value in changed.items()})
    return {name: str(value) for name, value in maxima.items()}


def run_soak(program: Path, maxima: dict[str, str], **options: int) -> list[Row]:
    """Return the rows of all steps, followed by the row of the final line."""
    rows = []
    for words in _run(program, maxima, rate=RATE, **options):
        numbers = [*map(int, words[:12])]
        numbers_and_bytes = [*numbers[:5], numbers[5] / _engine.BYTES_ONE, *numbers[6:]]
        rows.append(Row(*numbers_and_bytes, *_estimates(words[12:])))  # type: ignore[arg-type]
    return rows


def run_full_tables(program: Path, maxima: dict[str, str], seeds: Iterable[int], **options: int) -> list[Run]:
    """Return all runs, with one process for each of ``seeds``."""
    return [
        Run(words[0] == "1", *map(int, words[1:4]), *_estimates(words[4:]))  # type: ignore[arg-type]
        for seed in seeds
        for words in _run(program, maxima, rate=RATE, seed=seed, **options)
    ]


def judge(estimates: list[Estimate], interval: Callable[[Estimate], tuple[float, float]]) -> Judgement:
    held = 0
    for one in estimates:
        low, high = interval(one)
        held += low <= one.truth <= high
    errors = [one.bytes - one.truth for one in estimates]
    standard_error = statistics.stdev(errors) / math.sqrt(len(errors))
    return Judgement(
        runs=len(estimates),
        coverage=held / len(estimates),
        mean_error=statistics.fmean(errors) / standard_error if standard_error else 0.0,
        samples=statistics.fmean(one.samples for one in estimates),
    )


def spread(values: Iterable[float]) -> float:
    """Return (largest - smallest) / smallest."""
    known = [*values]
    return max(known) / min(known) - 1.0


def _run(program: Path, maxima: dict[str, str], **options: int) -> list[list[str]]:
    command = [str(program), *(f"{name}={value}" for name, value in options.items())]
    finished = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **maxima},
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if finished.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {finished.stderr or finished.returncode}")
    return [line.split() for line in finished.stdout.splitlines()]


def _estimates(words: list[str]) -> list[Estimate]:
    found = []
    for at in range(0, len(words), 6):
        truth, fixed, seen, samples = map(int, words[at : at + 4])
        variance, skewness = map(float, words[at + 4 : at + 6])
        found.append(Estimate(truth, fixed / _engine.BYTES_ONE, seen, samples, variance, skewness))
    return found
