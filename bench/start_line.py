"""How much the line that SPPROF needs (spprof.pth) adds to an interpreter's startup while the variable is unset.

.venv/bin/python bench/start_line.py [ROUNDS]

Two environments of the same interpreter, with the file and without it, take turns starting, in random order. Prints the
median difference of a pair in wall time and in CPU time (user and system), with its 95 % interval. The third row also
has the file, and SPPROF=off.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from start import median_interval

ROUNDS = 400
OURS = [Path(__file__).resolve().parents[1] / "python" / name for name in ("spprof.pth", "_spprof_start.py")]
PLAIN, WITH_LINE, OFF = "without the file", "with it, SPPROF unset", "with it, SPPROF=off"


def environment(folder: Path) -> Path:
    """Create a new environment and return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


def milliseconds(python: Path, variables: dict[str, str]) -> tuple[float, float]:
    """Return the wall time and the CPU time of one startup."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter_ns()
    subprocess.run([str(python), "-c", "pass"], env=variables, check=True)
    end, after = time.perf_counter_ns(), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (end - begin) / 1e6, cpu * 1e3


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    variables = {name: value for name, value in os.environ.items() if name not in ("SPPROF", "LD_PRELOAD")}
    with tempfile.TemporaryDirectory() as name:
        plain, with_line = environment(Path(name) / "plain"), environment(Path(name) / "line")
        packages = next((Path(name) / "line" / "lib").glob("python*/site-packages"))
        for file in OURS:
            shutil.copy(file, packages)
        starts = {
            PLAIN: (plain, variables),
            WITH_LINE: (with_line, variables),
            OFF: (with_line, {**variables, "SPPROF": "off"}),
        }
        times: dict[str, list[tuple[float, float]]] = {title: [] for title in starts}
        for _ in range(rounds):
            for title in random.sample(list(starts), len(starts)):
                times[title].append(milliseconds(*starts[title]))
    print(f"\nan interpreter's start, {rounds} rounds: additional ms with the file (95 %)")
    for title in (WITH_LINE, OFF):
        for what, column in (("wall", 0), ("CPU", 1)):
            differences = [one[column] - alone[column] for one, alone in zip(times[title], times[PLAIN])]
            low, high = median_interval(differences)
            print(f"  {title:<24} {what:<5} {statistics.median(differences):>+8.3f}   [{low:+.3f}, {high:+.3f}]")
    print(f"  {PLAIN:<24} wall  {statistics.median(wall for wall, _ in times[PLAIN]):>8.1f}")


if __name__ == "__main__":
    main()
