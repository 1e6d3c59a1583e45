"""The cost of starting: an empty program's CPU time beyond plain Python's; and, with many loaded libraries, the
milliseconds of a start, a restart, a snapshot's rescan, and a later dlopen.

    make bench                          or      .venv/bin/python bench/start.py [ROUNDS]

First table: fresh processes of all variants take turns. CPU time (user and system) is that of each process and its
children, minus that of the plain Python in the same round. Printed: medians with their 95 % interval (from the order of
the differences, with no shape assumed). Below them are the modules that each variant imports and plain Python does not,
as ``-X importtime`` lists them.

Second table: each process loads 300 small libraries that call malloc, realloc and free, and then starts and patches all
of them. Printed: medians of many processes, with the middle half in brackets. The rescan is the time of a snapshot
minus that of one without native tracking. dlopen is the time to load a new library, minus the same in a process that
never started the profiler.
"""

from __future__ import annotations

import json
import math
import os
import re
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

SPECIMEN = Path(__file__).parent / "specimens" / "small_library.c"
LOADED, LATER = 300, 20
PROCESSES = 15

PROGRAM = """
import ctypes, json, sys, time
from pathlib import Path

folder, loaded, mode = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
libraries = sorted(folder.glob("*.so"))
keep = [ctypes.CDLL(str(path)) for path in libraries[:loaded]]


def milliseconds(call):
    begin = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - begin) / 1e6


times = {}
if mode != "none":
    times["imports"] = milliseconds(lambda: __import__("spprof.memprof"))
    from spprof import memprof
    times["start"] = milliseconds(lambda: memprof.start(native=mode))
    if mode == "patch":
        assert memprof.get_stats().native_mode == "patch", memprof.get_stats()
    times["first snapshot"] = milliseconds(memprof.get_snapshot)
    times["snapshot"] = milliseconds(memprof.get_snapshot)
    memprof.stop()
    times["restart"] = milliseconds(lambda: memprof.start(native=mode))
late = libraries[loaded:]
times["dlopen"] = milliseconds(lambda: keep.extend(ctypes.CDLL(str(path)) for path in late)) / len(late)
print(json.dumps(times))
"""

ROWS = [
    ("the imports of a first start", "patch", "imports"),
    ("start, the first, after its imports", "patch", "start"),
    ("start again after stop", "patch", "restart"),
    ("the first get_snapshot, with its modules", "patch", "first snapshot"),
    ("get_snapshot, which looks at all objects", "patch", "snapshot"),
    ('get_snapshot with native="off"', "off", "snapshot"),
    ("dlopen of one more, sampling", "patch", "dlopen"),
    ("dlopen of one more, never started", "none", "dlopen"),
]


def compile_libraries(folder: Path) -> None:
    compiler = shlex.split(os.environ.get("CC", "cc"))
    first = folder / "first.o"
    subprocess.run([*compiler, "-O1", "-fPIC", "-c", str(SPECIMEN), "-o", str(first)], check=True)
    for i in range(LOADED + LATER):
        # The sonames must differ, because the loader treats two objects with the same soname as one.
        name = f"small{i:03}.so"
        subprocess.run([*compiler, "-shared", f"-Wl,-soname,{name}", str(first), "-o", str(folder / name)], check=True)
    first.unlink()


def run(folder: Path, mode: str) -> dict[str, float]:
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    command = [sys.executable, "-c", PROGRAM, str(folder), str(LOADED), mode]
    times: dict[str, float] = json.loads(subprocess.check_output(command, env=environment, text=True))
    return times


# ---- An empty program

ROUNDS = 41
EMPTY = "empty.py"
START = "import spprof.memprof; spprof.memprof.start()"
COMMAND = str(Path(sys.executable).parent / "spprof")
VARIANTS = {
    "python empty.py, once more": [sys.executable, EMPTY],
    "import spprof": [sys.executable, "-c", "import spprof"],
    "memprof.start()": [sys.executable, "-c", START],
    "start, get_snapshot, print": [sys.executable, "-c", f"{START}; print(spprof.memprof.get_snapshot())"],
    "spprof run empty.py": [COMMAND, "run", "-f", "-o", "empty.pb.gz", EMPTY],
    "spprof run --cpu empty.py": [COMMAND, "run", "--cpu", "-f", "-o", "empty.pb.gz", EMPTY],
}


def cpu_milliseconds(command: list[str], folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=plain_environment(), check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


def median_interval(values: list[float]) -> tuple[float, float]:
    """Return the 95 % interval of the median, from the possible ranks of a sample's values on either side of it."""
    count, ordered = len(values), sorted(values)
    reach = math.ceil(0.98 * math.sqrt(count) + 0.5)
    return ordered[max(count // 2 - reach, 0)], ordered[min(count // 2 + reach, count - 1)]


def imported(command: list[str], folder: Path) -> set[str]:
    environment = {**plain_environment(), "PYTHONPROFILEIMPORTTIME": "1"}
    told = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stderr
    return set(re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", told, re.MULTILINE))


def print_empty_programs(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / EMPTY).write_text("pass\n")
        plain = [sys.executable, EMPTY]
        more: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
        alone = []
        for _ in range(rounds):
            alone.append(cpu_milliseconds(plain, folder))
            for variant, command in VARIANTS.items():
                more[variant].append(cpu_milliseconds(command, folder) - alone[-1])
        print(f"\n{'CPU of an empty program':<30} {'ms, median':>10}   95 %")
        print(f"  {'python empty.py':<28} {statistics.median(alone):>10.1f}")
        for variant, values in more.items():
            low, high = median_interval(values)
            print(f"  {variant:<28} {statistics.median(values):>+10.1f}   [{low:+.1f}, {high:+.1f}]")
        known = imported(plain, folder)
        for variant in ("memprof.start()", "spprof run empty.py"):
            print(f"\n{variant} imports:")
            print(textwrap.fill(" ".join(sorted(imported(VARIANTS[variant], folder) - known)), 118))


def main() -> None:
    print_empty_programs(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
    print_loaded()


def print_loaded() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_libraries(folder)
        times: dict[str, list[dict[str, float]]] = {"patch": [], "off": [], "none": []}
        for _ in range(PROCESSES):
            for mode, runs in times.items():
                runs.append(run(folder, mode))
    print(f"\n{f'{LOADED} libraries loaded':<44} {'ms, median':>10}   middle half")
    for title, mode, what in ROWS:
        low, median, high = statistics.quantiles([run[what] for run in times[mode]], n=4)
        print(f"  {title:<42} {median:>10.2f}   [{low:.2f}, {high:.2f}]")


if __name__ == "__main__":
    main()
