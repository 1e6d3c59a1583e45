"""The cost of a native stack in nanoseconds per frame: the engine's unwinder, libunwind, libgcc and frame pointers.

    make bench                          or      .venv/bin/python bench/unwind.py

The first measurement is in a loop, in a C program of about thirty functions (bench/specimens/unwind_chain.c). The
second is at the end of a stack of C and Python frames (unwind_mixed.py) in every Python that is found, back to back and
in place: one stack after each millisecond of other work, which leaves little of it in the caches (numpy, if installed,
leaves the least). The installed package is also measured taking whole samples, with native and Python frames merged and
interned: a sampled malloc and free, minus an unsampled one.

Unwinders take turns in short slices. Figures are medians with the middle half in brackets: compare them only within one
table. If valgrind is found, callgrind counts instructions: the difference between a long and a short run.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from spprof import _engine

ROOT = Path(__file__).parents[1]
SPECIMENS = ROOT / "bench" / "specimens"
BUILD = Path(sys.prefix) / "build"
ENGINE = [str(BUILD / archive) for archive in ("src/core/libcore.a", "src/base/libbase.a")]
INCLUDED = ("include", "src/base", "src/core", "src/core/unwind", f"src/core/unwind/{platform.machine()}")
FOLDERS = [f"-iquote{ROOT / folder}" for folder in INCLUDED]

SLICES_IN_C, SLICES_IN_PYTHON = 200, 150
SHORT, LONG = 50, 550
FIRST = 100  # FIRST_KINDS in unwind_chain.c
NOTHING, OURS, OURS_ANEW, OURS_COLD, LIBUNWIND, LIBGCC, FRAME_POINTERS, CAPTURE = range(8)


class Row(NamedTuple):
    title: str
    program: str
    kind: int
    less: Optional[int] = None
    """The kind that measures the clock itself, to be subtracted."""


IN_C = [
    Row("ours", "without", OURS),
    Row("ours, nothing as the last time", "without", OURS_ANEW),
    Row("ours, each address for the first time", "without", OURS_COLD),
    Row("ours, the first stack in a thread", "without", FIRST + OURS, FIRST + NOTHING),
    Row("libunwind, unw_backtrace", "without", LIBUNWIND),
    Row("libunwind, the first stack in a thread", "without", FIRST + LIBUNWIND, FIRST + NOTHING),
    Row("libgcc, _Unwind_Backtrace", "without", LIBGCC),
    Row("frame pointers", "with", FRAME_POINTERS),
    Row("ours, with 8 Python frames, interned", "without", CAPTURE),
]
IN_PYTHON = {
    "ours": "ours",
    "ours, new": "ours, nothing as the last time",
    "ours, cold": "ours, each address for the first time",
    "libunwind": "libunwind, unw_backtrace",
    "libgcc": "libgcc, _Unwind_Backtrace",
}


def compile_c(output: Path, sources: Sequence[str], *options: str) -> Path:
    compiler = shlex.split(os.environ.get("CC", "cc"))
    flags = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g", *FOLDERS]
    files = [str(SPECIMENS / source) for source in sources]
    subprocess.run([*compiler, *flags, "-o", str(output), *files, *options], check=True)
    return output


def compile_with_engine(output: Path, sources: Sequence[str], *options: str) -> Path:
    whole = ("-DSPPROF_BUILDING_ENGINE", *options, *ENGINE, "-lm", "-ldl", "-lpthread")
    return compile_c(output, ["unwind_stopwatch.c", *sources], *whole)


def find_libunwind() -> str:
    """Return the library that `make` unpacked, or the system's."""
    unpacked = sorted(ROOT.glob("build/deps/libunwind/usr/lib/*/libunwind.so.8"))
    return str(unpacked[0]) if unpacked else "libunwind.so.8"


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


def quarters(values: Sequence[float]) -> tuple[float, float, float]:
    low, median, high = statistics.quantiles(values, n=4)
    return low, median, high


def figure(values: Sequence[float], less: float = 0, per: float = 1) -> str:
    low, median, high = ((value - less) / per for value in quarters(values))
    return f"{median:>10.1f}  {f'[{low:.1f}, {high:.1f}]':<18}"


# ---- In C


class Runs(NamedTuple):
    frames: dict[int, int]
    times: dict[int, list[float]]


def run_chain(program: Path) -> Runs:
    command = [str(program), find_libunwind(), str(SLICES_IN_C)]
    runs = Runs({}, {})
    for line in subprocess.check_output(command, env=environment(), text=True).splitlines():
        kind, frames, time = line.split()
        runs.frames[int(kind)] = int(frames)
        runs.times.setdefault(int(kind), []).append(float(time))
    return runs


def instructions_a_stack(program: Path, kind: int) -> float:
    def total(repeats: int) -> int:
        with tempfile.NamedTemporaryFile() as out:
            command = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out.name}", str(program)]
            command += [find_libunwind(), str(kind), str(repeats)]
            subprocess.run(command, env=environment(), stderr=subprocess.DEVNULL, check=True)
            found = re.search(r"^(?:summary|totals): (\d+)", Path(out.name).read_text(), re.MULTILINE)
        if not found:
            raise SystemExit("callgrind reported no total")
        return int(found.group(1))

    return (total(LONG) - total(SHORT)) / (LONG - SHORT)


def print_in_c(folder: Path) -> None:
    without, kept = ("-DFRAME_POINTERS=0", "-fomit-frame-pointer"), ("-DFRAME_POINTERS=1", "-fno-omit-frame-pointer")
    programs = {
        "without": compile_with_engine(folder / "without", ["unwind_chain.c"], *without),
        "with": compile_with_engine(folder / "with", ["unwind_chain.c"], *kept),
    }
    runs = {name: run_chain(program) for name, program in programs.items()}
    print(
        f"\n{'in a C program':<42} {'frames':>6} {'instructions':>12}   {'ns a frame':>9}  {'middle half':<18} a stack"
    )
    for title, name, kind, less in IN_C:
        frames, times = runs[name].frames, runs[name].times
        if kind not in times:
            continue
        clock = statistics.median(times[less]) if less else 0
        # The first run does some work only once, so a difference between runs does not include it. Clearing the cache
        # is not part of unwinding.
        counted = shutil.which("valgrind") and kind < FIRST and kind != OURS_COLD
        instructions = f"{instructions_a_stack(programs[name], kind) / frames[kind]:.1f}" if counted else ""
        stack = statistics.median(times[kind]) - clock
        nanoseconds = figure(times[kind], clock, frames[kind])
        print(f"  {title:<40} {frames[kind]:>6} {instructions:>12} {nanoseconds} {stack:>8.0f}")


# ---- In Python


def pythons() -> list[str]:
    """Return the installed package's Python, and then the others."""
    found = subprocess.check_output([sys.executable, str(ROOT / "tools/find_pythons.py"), "--others"], text=True)
    return [sys.executable, *(line.split(maxsplit=1)[1] for line in found.splitlines())]


def print_in_python(python: str, stopwatch: Path, pair: Path) -> None:
    command = [python, str(SPECIMENS / "unwind_mixed.py"), str(stopwatch), find_libunwind(), str(SLICES_IN_PYTHON)]
    if python == sys.executable:
        command.append(str(pair))
    answer = json.loads(subprocess.check_output(command, env=environment(), text=True))
    rows = answer["rows"]
    version = subprocess.check_output([python, "-c", "import platform; print(platform.python_version())"], text=True)
    heading = f"in Python {version.strip()}"
    columns = f"{'ns a frame':>10}  {'back to back':<18} {'ns a frame':>10}  {'in place':<18}"
    print(f"\n{heading:<42} {'frames':>6} {columns} {'a stack':>12}")
    clock = statistics.median(rows["nothing"][2])
    for name, title in IN_PYTHON.items():
        if name in rows:
            frames, at_once, in_place = rows[name]
            stack = statistics.median(at_once), statistics.median(in_place) - clock
            both = f"{figure(at_once, 0, frames)} {figure(in_place, clock, frames)}"
            print(f"  {title:<40} {frames:>6} {both} {f'{stack[0]:.0f}, {stack[1]:.0f}':>12}")
    if "sampled pair" in rows:
        print_samples(rows)
    print_memory(answer["memory"])


def print_samples(rows: dict[str, list[list[float]]]) -> None:
    frames, at_once, in_place = rows["sampled pair"]
    bare = [statistics.median(times) for times in rows["bare pair"][1:]]
    print(f"  {'one whole sample, ns':<40} {frames:>6} {figure(at_once, bare[0])} {figure(in_place, bare[1])}")


def print_memory(memory: Sequence[int]) -> None:
    rules, cache_kib, cache_max_kib, modules, _misses, evaluated, restarted, truncated = memory
    print(
        f"  {rules} rules in {cache_kib} of {cache_max_kib} KiB, {modules} modules; "
        f"frames evaluated {evaluated}, stacks restarted {restarted}, truncated {truncated}"
    )


def main() -> None:
    missing = [archive for archive in ENGINE if not Path(archive).exists()]
    if missing:
        raise SystemExit(f"{missing[0]} is missing: `make bench` builds it")
    if not shutil.which("valgrind"):
        print("valgrind is missing, so instructions are not counted: apt-get install valgrind")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print_in_c(folder)
        shared = ("-shared", "-fPIC", "-DFRAME_POINTERS=0")
        stopwatch = compile_with_engine(folder / "stopwatch.so", [], *shared)
        pair = compile_c(
            folder / "pair.so", ["forced_sample.c"], "-shared", "-fPIC", "-fno-builtin", _engine.library_path()
        )
        for python in pythons():
            print_in_python(python, stopwatch, pair)


if __name__ == "__main__":
    main()
