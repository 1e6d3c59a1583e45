"""The cost of tracking mappings: nanoseconds for an mmap and munmap, and milliseconds for a copy of the list.

    make bench                          or      .venv/bin/python bench/mappings.py

A C library maps and unmaps memory below 15 Python functions: without our library, with it preloaded and never started,
and while profiling. Sizes are 64 KiB (one mapping in nine is listed) and 1 MiB (all are). The memory is not touched:
the pages of a real mapping cost more. CPU times are medians of short runs of all variants in turn, with the middle half
in brackets, and medians of the differences between consecutive runs.
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

from spprof import _engine

SPECIMEN = Path(__file__).parent / "specimens" / "map_loop.c"
ROUNDS = 15
PAIRS = 20_000
KEPT = 10_000

PROGRAM = """
import ctypes, json, sys, time
library = ctypes.CDLL(sys.argv[1])
library.map_pairs.restype, library.map_pairs.argtypes = ctypes.c_double, [ctypes.c_long, ctypes.c_size_t]
library.map_many.argtypes = [ctypes.c_long, ctypes.c_size_t]
mode, pairs, kept = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


def below(depth, call):
    return below(depth - 1, call) if depth else call()


if mode in ("patch", "preload"):
    import spprof.memprof as memprof
    from spprof import _engine
    memprof.start(512, native=mode)
answer = {size: below(14, lambda: library.map_pairs(pairs, size)) for size in (64 << 10, 1 << 20)}
if mode == "patch":
    assert below(14, lambda: library.map_many(kept, 128 << 10)) == 0
    begin = time.perf_counter_ns()
    packed, _ = _engine.mappings()
    answer["copy_ms"] = (time.perf_counter_ns() - begin) / 1e6
    assert len(packed) >= 48 * kept
print(json.dumps(answer))
"""

MODES = {"nothing": "", "never started": "never", "patched": "patch", "preloaded": "preload"}


def run(library: Path, mode: str) -> dict[str, float]:
    preload = _engine.library_path() if mode in ("never", "preload") else ""
    command = [sys.executable, "-c", PROGRAM, str(library), mode, str(PAIRS), str(KEPT)]
    environment = {**os.environ, "LD_PRELOAD": preload}
    answer: dict[str, float] = json.loads(subprocess.check_output(command, env=environment))
    return answer


def spread(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:>8.0f} [{low:.0f}, {high:.0f}]"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "map_loop.so")
        compiler = shlex.split(os.environ.get("CC", "cc"))
        subprocess.run([*compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(SPECIMEN)], check=True)
        answers: dict[str, list[dict[str, float]]] = {name: [] for name in MODES}
        for _ in range(ROUNDS):
            for name, mode in MODES.items():
                answers[name].append(run(library, mode))
    for size, label in (("65536", "64 KiB"), ("1048576", "1 MiB")):
        print(f"mmap and munmap of {label}, ns")
        for name, runs in answers.items():
            more = [answer[size] - plain[size] for answer, plain in zip(runs, answers["nothing"])]
            print(f"    {name:<16} {spread([answer[size] for answer in runs]):<24} more: {spread(more)}")
    copies = [answer["copy_ms"] for answer in answers["patched"]]
    print(f"a copy of {KEPT:,} ranges, ms: {statistics.median(copies):.1f}")


if __name__ == "__main__":
    main()
