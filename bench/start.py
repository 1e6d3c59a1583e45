"""What starting costs where much is loaded: milliseconds of start, restart, a snapshot's rescan, and a later dlopen.

    make bench                          or      .venv/bin/python bench/start.py

Each process loads 300 small libraries that call malloc, realloc and free, then starts and patches all of them. Medians
of many processes, with the middle half in brackets. The rescan is a snapshot beside one of a process without native
following; dlopen is of a library not loaded before, beside the same in a process that never started.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
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
    import spprof.memprof as memprof

    times["imports"] = milliseconds(lambda: __import__("spprof.heap.snapshot"))
    times["start"] = milliseconds(lambda: memprof.start(native=mode))
    if mode == "patch":
        assert memprof.get_stats().native_mode == "patch", memprof.get_stats()
    memprof.get_snapshot()
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
        # Sonames differ: the loader takes two objects of one soname for one.
        name = f"small{i:03}.so"
        subprocess.run([*compiler, "-shared", f"-Wl,-soname,{name}", str(first), "-o", str(folder / name)], check=True)
    first.unlink()


def run(folder: Path, mode: str) -> dict[str, float]:
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    command = [sys.executable, "-c", PROGRAM, str(folder), str(LOADED), mode]
    times: dict[str, float] = json.loads(subprocess.check_output(command, env=environment, text=True))
    return times


def main() -> None:
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
