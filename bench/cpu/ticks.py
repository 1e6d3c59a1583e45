"""The cost of a tick: the share of CPU time that profiling at an interval costs. This is far more exact than slices.

Each process gives one figure: the mean of the middle half of its ticks, plus a sixteenth of the additional cost of a
tick that looks for new threads, as every 16th tick does. (With threads, it is unknown which ticks do so, and that part
is left out.)
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence

from profilers import HERE, Profiler, environment

SECONDS = 5
LOOK_EVERY = 16
LOOKS_MIN = 8


def ticks_of(profiler: Profiler, interval_ms: int, program: str) -> list[tuple[int, int]]:
    """Return the output of ticked.py for one process. Raise CalledProcessError if the process cannot run."""
    command = [*profiler.command, str(HERE / "ticked.py"), program, profiler.switch, str(interval_ms), str(SECONDS)]
    printed = subprocess.run(command, env=environment(), capture_output=True, check=True).stdout
    return [(number, cost) for number, cost in json.loads(printed)]


def middle(values: Sequence[int]) -> float:
    ordered = sorted(values)
    cut = len(ordered) // 4
    return sum(ordered[cut : len(ordered) - cut]) / (len(ordered) - 2 * cut)


def is_look(number: int) -> bool:
    """Return True if this tick looks for threads. A session does so after 1, 3, 7 and 15 intervals, then every 16."""
    return number % LOOK_EVERY == LOOK_EVERY - 1


def cost_ns(ticks: Sequence[tuple[int, int]], knows_looks: bool) -> float:
    """Return the cost of one tick in a session. Raise ValueError if there are too few ticks."""
    looks = [cost for number, cost in ticks if knows_looks and is_look(number)]
    others = [cost for number, cost in ticks if not (knows_looks and is_look(number))]
    if len(others) < 2 * LOOKS_MIN:
        raise ValueError(f"only {len(others)} ticks have neighbours")
    more = middle(looks) - middle(others) if len(looks) >= LOOKS_MIN else 0
    return middle(others) + more / LOOK_EVERY
