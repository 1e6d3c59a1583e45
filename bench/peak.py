"""The peak compared with memray's high-water mark, line by line: three programs of tests/accuracy/peak_programs.py.

    make bench                          or      .venv/bin/python bench/peak.py

memray (with --trace-python-allocators) counts every allocation. It is installed into its own environment; if it is
unavailable, a line says so. Three of our own figures are printed next to memray's bytes: the bytes with every
allocation sampled, those of one run at 4 KiB with the 95 % interval, and how many of RUNS seeded runs have an interval
that contains memray's bytes. Lines with at least 20 samples are listed.
"""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "accuracy"))

import peak_programs
import spprof
from files import MEMRAY

ROOT = Path(__file__).parents[1]
RUNS = 200
PROGRAMS = ("numpy_temporaries", "threads", "cache")

UNDER_MEMRAY = """
import collections, json, sys
import memray
import peak_programs

name, path = sys.argv[1:]
program = peak_programs.PROGRAMS[name]
for _ in range(3):
    program.run()
with memray.Tracker(path, trace_python_allocators=True):
    program.run()
held = collections.Counter()
for record in memray.FileReader(path).get_high_watermark_allocation_records(merge_threads=True):
    frames = record.stack_trace(max_stacks=1)
    if frames and frames[0][1] == peak_programs.__file__:
        held[frames[0][0], frames[0][2]] += record.size
print(json.dumps([[*place, size] for place, size in held.items()]))
"""


def memray_python(folder: Path) -> Path:
    """Return a Python that has memray and can import what this one can. Raise OSError if it is unavailable."""
    python = folder / "memray" / "bin" / "python"
    try:
        subprocess.run([sys.executable, "-m", "venv", folder / "memray"], check=True, capture_output=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", MEMRAY], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        raise OSError(f"{MEMRAY} cannot be installed: {error.stderr.decode().strip()}") from error
    return python


Place = tuple[str, int]


def high_water_marks(python: Path, program: str, folder: Path) -> dict[Place, int]:
    """Return bytes, keyed by function and line of peak_programs.py."""
    importable = [str(ROOT / "tests" / "accuracy"), str(Path(spprof.__file__).parents[1])]
    command = [python, "-c", UNDER_MEMRAY, program, folder / f"{program}.bin"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(importable)}
    finished = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return {(function, line): size for function, line, size in json.loads(finished.stdout)}


def place_of(place: Place) -> Place:
    """Return the site under the name that memray uses."""
    return place[0].rpartition(".")[2], place[1]


def seeded_runs(name: str) -> tuple[dict[Place, int], dict[Place, list[Any]]]:
    """Return, for each site, the bytes when every allocation is sampled, and the sums of each seeded run."""
    program = peak_programs.PROGRAMS[name]
    for _ in range(3):
        program.run()
    runs: dict[Place, list[Any]] = collections.defaultdict(list)
    for seed in range(1, RUNS + 1):
        for place, sums in peak_programs.peak_of(program, program.run, peak_programs.RATE_KB, seed).items():
            runs[place_of(place)].append(sums)
    exact = {place_of(place): size for place, size in peak_programs.truth_of(program, program.run).items()}
    return exact, runs


def kib(size: float) -> str:
    return f"{size / 1024:.1f}"


def print_program(name: str, memrays: dict[Place, int]) -> None:
    exact, runs = seeded_runs(name)
    for place, found in sorted(runs.items(), key=lambda item: item[0][1]):
        if place[1] == 0 or sum(sums.samples for sums in found) < peak_programs.SAMPLES_MIN * RUNS:
            continue
        marked, ends = memrays.get(place, 0), [sums.interval() for sums in found]
        held = sum(low <= marked <= high for low, high in ends) / len(found)
        cells = [
            f"{name.replace('_', ' ')}, `{place[0]}`, line {place[1]}",
            kib(marked),
            kib(exact[place]),
            f"{kib(found[0].value)} ({kib(ends[0][0])} – {kib(ends[0][1])})",
            f"{100 * held:.0f}",
        ]
        print(f"| {' | '.join(cells)} |")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            python = memray_python(folder)
        except OSError as error:
            raise SystemExit(str(error)) from None
        marks = {program: high_water_marks(python, program, folder) for program in PROGRAMS}
    titles = ["KiB at the peak", "memray", "spprof, every allocation", "spprof at 4 KiB (95 %)"]
    print(f"| {' | '.join(titles)} | {RUNS} intervals holding memray's, % |", "|---|---|---|---|---|", sep="\n")
    for program in PROGRAMS:
        print_program(program, marks[program])


if __name__ == "__main__":
    main()
