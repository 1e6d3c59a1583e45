"""CPU time of starting: each profiler's own runner, or its start in a program, minus plain Python."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

from common.intervals import Interval, interval_of
from common.orders import reason

from peers.kept import Unit
from peers.places import programs_folder
from peers.run import Run, failures, source_line
from peers.tables import markdown, signed
from peers.variants import DROPPED

PLAIN = "python empty.py"
WORKLOAD = "starting"
PATIENCE_SECONDS = 120
DDTRACE = {
    "DD_PROFILING_ENABLED": "true",
    "DD_PROFILING_STACK_ENABLED": "false",
    "DD_PROFILING_LOCK_ENABLED": "false",
    "DD_TRACE_ENABLED": "false",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
}
PYROSCOPE = (
    "import pyroscope; pyroscope.configure(application_name='bench', server_address='http://127.0.0.1:9', "
    "mem_enabled=True, cpu_enabled=False)"
)


class Start(NamedTuple):
    words: Sequence[str]
    """A word that begins with ``bin/`` is a command of this environment; ``python`` is its Python."""
    project: str = ""
    variables: Mapping[str, str] = {}


STARTS = {
    PLAIN: Start(["python", "empty.py"]),
    "python -c 'import spprof.memprof; spprof.memprof.start()'": Start(
        ["python", "-c", "import spprof.memprof; spprof.memprof.start()"]
    ),
    "spprof run empty.py": Start(["bin/spprof", "run", "empty.py"]),
    "spprof run --cpu empty.py": Start(["bin/spprof", "run", "--cpu", "empty.py"]),
    "python -X tracemalloc empty.py": Start(["python", "-X", "tracemalloc", "empty.py"]),
    "pyroscope.configure(mem_enabled=True, cpu_enabled=False)": Start(["python", "-c", PYROSCOPE], "pyroscope-io"),
    "memray run empty.py": Start(["bin/memray", "run", "-q", "-f", "-o", "memray.bin", "empty.py"], "memray"),
    "ddtrace-run python empty.py": Start(["bin/ddtrace-run", "python", "empty.py"], "ddtrace", DDTRACE),
    "scalene run empty.py": Start(["bin/scalene", "run", "-o", "scalene.json", "empty.py"], "scalene"),
}

BARS = {"python -c 'import spprof.memprof; spprof.memprof.start()'": 15.0, "spprof run empty.py": 40.0}
"""Maximum CPU milliseconds in excess of plain Python's."""


@dataclass(frozen=True)
class Startup:
    """The part "startup"."""

    name: str
    generations: int

    def measure(self, run: Run) -> None:
        kept = run.kept(self.name)
        for number in range(run.generations_of(self.generations)):
            if not kept.is_done(WORKLOAD, number, list(STARTS)):
                kept.add(measure_unit(number, run.uninstalled))
                print(f"{self.name}, round {number + 1}", flush=True)

    def table(self, run: Run) -> str:
        units = run.kept(self.name).units()
        rounds = [unit for unit in units if PLAIN in unit.measured]
        if not rounds:
            return ""
        rows = []
        for name in STARTS:
            more = more_than_plain(rounds, name)
            if more is None:
                rows.append([f"`{name}`", "fails", ""])
                continue
            cpu, wall = (
                median(unit.measured[name][which] for unit in rounds if name in unit.measured) for which in (0, 1)
            )
            rows.append([f"`{name}`", f"{cpu:.1f} by itself" if name == PLAIN else signed(more, 1), f"{wall:.0f}"])
        return "\n".join(
            [
                "CPU milliseconds, user and system, of whole processes and their children: difference to plain Python "
                f"in the same round, the median of {len(rounds)} rounds (95 %, by the sign test); and wall time.",
                "",
                markdown(["", "CPU ms more", "wall ms"], rows),
                "",
                *failures(units),
                *(f"- {line}" for line in judge(rounds)),
                "",
                source_line(self.name, units, run),
            ]
        )

    def chart(self, run: Run) -> None:
        """Return None: this part has no chart."""


def more_than_plain(rounds: Sequence[Unit], name: str) -> Interval | None:
    """Return the CPU milliseconds in excess of plain Python's."""
    found = [unit.measured[name][0] - unit.measured[PLAIN][0] for unit in rounds if name in unit.measured]
    return interval_of(found) if found else None


def judge(rounds: Sequence[Unit]) -> Iterator[str]:
    for name, bar in BARS.items():
        more = more_than_plain(rounds, name)
        if more:
            yield f"`{name}` at most {bar:g} ms: {'holds' if more.low <= bar else 'missed'}, {signed(more, 1)}."


def measure_unit(number: int, uninstalled: dict[str, str]) -> Unit:
    """Measure one round in random order. A command's first run reads uncached files and is not counted."""
    unit = Unit(WORKLOAD, number, {})
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "empty.py").write_text("pass\n")
        for name in random.sample(sorted(STARTS), len(STARTS)):
            start = STARTS[name]
            if start.project in uninstalled:
                unit.failed[name] = f"does not install: {uninstalled[start.project]}"
                continue
            try:
                if number == 0:
                    once(start, folder)
                unit.measured[name] = once(start, folder)
            except (OSError, subprocess.SubprocessError) as error:
                unit.failed[name] = reason(error)
    return unit


def once(start: Start, folder: str) -> list[float]:
    """Return CPU and wall milliseconds."""
    known = {"python": sys.executable}
    words = [
        str(programs_folder() / word[4:]) if word.startswith("bin/") else known.get(word, word) for word in start.words
    ]
    kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        words,
        cwd=folder,
        env={**kept, "PYTHONHASHSEED": "0", **start.variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return [round(1000 * cpu, 3), round(1000 * wall, 3)]


STARTUP_PART = Startup("startup", generations=15)
