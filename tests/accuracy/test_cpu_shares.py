"""Compare known shares of CPU time with those in a profile, and the profile's total with the kernel's.

A function's share has the standard error √(p(1−p)/n), where each of n samples falls on it with probability p. Samples
of different weights w count as (Σw)²/Σw² samples. The tests allow 4 standard errors. Bursts longer than the time
between two samples lose or gain time only at their ends. For k bursts of a function, with samples w apart, the error
has a variance of k·w²/6, which at these lengths is less than half of the square of that standard error. So 4 of these
standard errors are more than 5.6 of the actual ones: a false alarm once in 50 million.

Threads that end before they have a timer are sampled at random points of the process's time. The number of points that
fall on a function is random too, with the standard error √(p/n). Their time with signals blocked cannot be sampled, so
three percentage points are allowed, and a tenth of the total may be attributed to no function. Each run is a false
alarm once in 16,000; three runs fail together once in 10¹².

    python tests/accuracy/test_cpu_shares.py [CPU_SECONDS [KIND...]]      90 each, into tests/nightly/SHARES.md
"""

from __future__ import annotations

import datetime
import importlib.util
import json
import math
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHOOSES_RUNNING = tuple(map(int, re.findall(r"\d+", platform.release())[:2])) >= (6, 4)
WORKLOADS = Path(__file__).with_name("cpu_workloads.py")
CPU_SECONDS = 3.0
KINDS = ["functions", "threads", "recursion", "generators", "in_zlib", "in_numpy"]
SHORT_KINDS = ["thread_per_request", "short_pools", "threading_server", "django_server"]
NEEDS = {"in_numpy": "numpy", "django_server": "django"}
TIMES = 4
TOTAL_MAX = 0.02
POINT = 0.01
SHORT_POINTS = 0.03
UNATTRIBUTED_MAX = 0.10
TOO_LONG = 1800

TABLE = Path(__file__).parents[1] / "nightly" / "SHARES.md"
HEAD = """# Known shares of CPU time

`make accuracy-long` writes this table. The functions of each program time themselves
(`tests/accuracy/cpu_workloads.py`). The table shows how far a profile of {seconds:g} CPU seconds is from that, in
percentage points. Some programs create threads that end before they have a timer:
{short}.
The first of them is woken by a timer of 4 ms. "told for none" is `<threads too short to sample>`.
[docs/sampling.md](../../docs/sampling.md#cpu-time) derives the method.

"""
COLUMNS = ["program", "date", "kernel", "python", "interval, ms", "samples", "worst function", "total", "told for none"]


def run(kind: str, cpu_seconds: float, interval_ms: int = 1) -> dict[str, Any]:
    command = [sys.executable, str(WORKLOADS), kind, str(cpu_seconds), str(interval_ms)]
    finished = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=TOO_LONG)
    assert finished.returncode == 0, finished.stderr
    told: dict[str, Any] = json.loads(finished.stdout)
    return told


def shares(nanoseconds: dict[str, int], total: float) -> dict[str, float]:
    return {name: nanoseconds.get(name, 0) / total for name in nanoseconds if name}


def counted_samples(told: dict[str, Any]) -> float:
    """Return the number of equally weighted samples that would be as accurate."""
    return float(told["total_ns"] ** 2 / told["squares"])


def errors_of(told: dict[str, Any], of_all: float = 1) -> dict[str, tuple[float, float]]:
    """Return, for each function, its share in the profile minus the true one, and the standard error."""
    seen = shares(told["told"], told["total_ns"])
    return {
        name: (seen.get(name, 0) - share, math.sqrt(share * (1 - of_all * share) / counted_samples(told)))
        for name, share in shares(told["truth"], told["used_ns"]).items()
    }


def unattributed(told: dict[str, Any]) -> float:
    return float(told["unattributed_ns"] / told["used_ns"])


def what_is_wrong(told: dict[str, Any], allowed: float = 0, of_all: float = 1) -> str:
    """Describe the errors, or return "" if there are none. ``allowed`` is added to each function's tolerance."""
    if told["samples"] < 200:
        return f"too few to say anything: {told}"
    for name, (off, error) in errors_of(told, of_all).items():
        if abs(off) > TIMES * error + allowed:
            return f"{name} is {off:+.2%} off, {off / error:+.1f} standard errors: {told}"
    total = told["total_ns"] / told["used_ns"] - 1
    return f"the total is {total:+.2%} off: {told}" if abs(total) > TOTAL_MAX else ""


def is_missing(kind: str) -> bool:
    return kind in NEEDS and importlib.util.find_spec(NEEDS[kind]) is None


@pytest.mark.parametrize("kind", KINDS)
def test_shares_of_cpu_time(kind: str) -> None:
    if is_missing(kind):
        pytest.skip(f"{NEEDS[kind]} is not installed: pip install {NEEDS[kind]}")
    for longer in (1, 2, 4):  # a real fault recurs each time; a lack of samples on a busy machine does not
        wrong = what_is_wrong(run(kind, CPU_SECONDS * longer))
        if not wrong:
            return
    pytest.fail(wrong)


def what_is_wrong_of_short_threads(told: dict[str, Any]) -> str:
    wrong = what_is_wrong(told, allowed=SHORT_POINTS, of_all=0)
    if not wrong and unattributed(told) > UNATTRIBUTED_MAX + TIMES / math.sqrt(counted_samples(told)):
        return f"{unattributed(told):.1%} is told for no function: {told}"
    return wrong


@pytest.mark.skipif(not CHOOSES_RUNNING, reason="before Linux 6.4 the kernel signals the first thread, whichever runs")
@pytest.mark.parametrize("kind", SHORT_KINDS)
def test_shares_of_threads_that_end_before_they_have_a_timer(kind: str) -> None:
    if is_missing(kind):
        pytest.skip(f"{NEEDS[kind]} is not installed: pip install {NEEDS[kind]}")
    for longer in (1, 2, 4):
        wrong = what_is_wrong_of_short_threads(run(kind, CPU_SECONDS * longer))
        if not wrong:
            return
    pytest.fail(wrong)


# ---- The table


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|\n").split("|")]


def row_of(kind: str, told: dict[str, Any], interval_ms: int) -> str:
    name, off = max(((name, off) for name, (off, _) in errors_of(told).items()), key=lambda one: abs(one[1]))
    total = told["total_ns"] / told["used_ns"] - 1
    when, kernel = datetime.date.today().isoformat(), platform.release().partition("-")[0]
    told_cells = [kind, when, kernel, platform.python_version(), str(interval_ms), f"{told['samples']:,}"]
    return (
        f"| {' | '.join([*told_cells, f'`{name}` {100 * off:+.2f}', f'{total:+.2%}', f'{unattributed(told):.2%}'])} |"
    )


def write_table(rows: dict[str, str], cpu_seconds: float) -> None:
    """Write the newest row of each kind."""
    kept = {}
    if TABLE.exists():
        kept = {cells(line)[0]: line for line in TABLE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"}
    kept.update(rows)
    lines = [f"| {' | '.join(COLUMNS)} |", "|---|---|---|---|" + "---:|" * (len(COLUMNS) - 4)]
    lines += [kept[kind] for kind in [*KINDS, *SHORT_KINDS] if kind in kept]
    head = HEAD.format(seconds=cpu_seconds, short=", ".join(f"`{kind}`" for kind in SHORT_KINDS))
    TABLE.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    cpu_seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 90.0
    chosen = sys.argv[2:] or [*KINDS, *(SHORT_KINDS if CHOOSES_RUNNING else [])]
    good, rows = True, {}
    for kind in chosen:
        if is_missing(kind):
            print(f"{kind:<18} {NEEDS[kind]} is not installed: pip install {NEEDS[kind]}", flush=True)
            continue
        is_short = kind in SHORT_KINDS
        interval_ms = 10 if is_short else 1  # the default; short-lived threads are a separate case
        told = run(kind, cpu_seconds, interval_ms)
        worst = max(abs(off) for off, _ in errors_of(told).values())
        total = told["total_ns"] / told["used_ns"] - 1
        good = good and worst <= (SHORT_POINTS if is_short else POINT) and abs(total) <= TOTAL_MAX
        good = good and unattributed(told) <= UNATTRIBUTED_MAX
        found = ", ".join(f"{name} {off:+.2%}" for name, (off, _) in errors_of(told).items())
        print(
            f"{kind:<18} {told['samples']:>7} samples  {found}; total {total:+.2%}, "
            f"told for none {unattributed(told):.2%}",
            flush=True,
        )
        rows[kind] = row_of(kind, told, interval_ms)
    if len(sys.argv) < 2 or cpu_seconds == 90:
        write_table(rows, 90.0)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
