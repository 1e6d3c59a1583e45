"""Shares of CPU time that are known, against what a profile says; and the total against the kernel's.

A function's share has the standard error √(p(1−p)/n) where each of n samples falls to it with the chance p; weights w
that differ count as (Σw)²/Σw² samples. Here 4 of them are allowed. Bursts longer than the time between two samples lend
and borrow only at their ends: of a function's k bursts, w apart in samples, the error has a variance of k·w²/6, which
at these lengths is less than half of the former's square. So 4 standard errors of ours are more than 5.6 of what is: a
false alarm once in 50 million.

    python tests/accuracy/test_cpu_shares.py [CPU_SECONDS]      for 90 CPU seconds each, within a point; kept by hand
"""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WORKLOADS = Path(__file__).with_name("cpu_workloads.py")
CPU_SECONDS = 3.0
KINDS = ["functions", "threads", "recursion", "generators", "in_zlib", "in_numpy"]
TIMES = 4
TOTAL_MAX = 0.02
POINT = 0.01
TOO_LONG = 600


def run(kind: str, cpu_seconds: float, interval_ms: int = 1) -> dict[str, Any]:
    command = [sys.executable, str(WORKLOADS), kind, str(cpu_seconds), str(interval_ms)]
    finished = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=TOO_LONG)
    assert finished.returncode == 0, finished.stderr
    told: dict[str, Any] = json.loads(finished.stdout)
    return told


def shares(nanoseconds: dict[str, int], total: float) -> dict[str, float]:
    return {name: nanoseconds.get(name, 0) / total for name in nanoseconds if name}


def errors_of(told: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Of each function: its share in the profile less the true one, and the standard error."""
    samples = told["total_ns"] ** 2 / told["squares"]
    seen = shares(told["told"], told["total_ns"])
    return {
        name: (seen.get(name, 0) - share, math.sqrt(share * (1 - share) / samples))
        for name, share in shares(told["truth"], told["used_ns"]).items()
    }


def what_is_wrong(told: dict[str, Any]) -> str:
    """Nothing, or what."""
    if told["samples"] < 200:
        return f"too few to say anything: {told}"
    for name, (off, error) in errors_of(told).items():
        if abs(off) > TIMES * error:
            return f"{name} is {off:+.2%} off, {off / error:+.1f} standard errors: {told}"
    total = told["total_ns"] / told["used_ns"] - 1
    return f"the total is {total:+.2%} off: {told}" if abs(total) > TOTAL_MAX else ""


@pytest.mark.parametrize("kind", KINDS)
def test_shares_of_cpu_time(kind: str) -> None:
    if kind == "in_numpy" and importlib.util.find_spec("numpy") is None:
        pytest.skip("numpy is not installed: pip install numpy")
    for longer in (1, 2, 4):  # what is wrong is so each time; few samples of a busy machine are not
        wrong = what_is_wrong(run(kind, CPU_SECONDS * longer))
        if not wrong:
            return
    pytest.fail(wrong)


def main() -> None:
    cpu_seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 90.0
    good = True
    for kind in KINDS:
        told = run(kind, cpu_seconds)
        worst = max(abs(off) for off, _ in errors_of(told).values())
        total = told["total_ns"] / told["used_ns"] - 1
        good = good and worst <= POINT and abs(total) <= TOTAL_MAX
        found = ", ".join(f"{name} {off:+.2%}" for name, (off, _) in errors_of(told).items())
        print(f"{kind:<12} {told['samples']:>7} samples  {found}; total {total:+.2%}", flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
