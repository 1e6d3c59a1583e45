"""The cost of an unsampled allocation: instructions and nanoseconds for a malloc and free of 64 bytes.

    make bench                          or      .venv/bin/python bench/hot_path.py

callgrind counts instructions. The difference between a long and a short run excludes start-up, so the figures are
exactly reproducible. Nanoseconds are medians of many short runs of all variants in turn, with the middle half in
brackets: compare them only within one table.

The variants of malloc and free are: nothing preloaded; an empty pass-through preloaded
(bench/specimens/empty_preload.c); our library preloaded and stopped; sampling at 512 KiB. PyObject_Malloc and
PyObject_Free have the same variants, with hooks instead of preloading.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import NamedTuple

from spprof import _engine

SPECIMENS = Path(__file__).parent / "specimens"
RATE = 512 * 1024
SHORT, LONG = 10_000, 110_000
TIMED_PAIRS = 1_000_000
ROUNDS = 15


class Variant(NamedTuple):
    name: str
    command: list[str]
    """The command, which takes the number of pairs as its last argument before `tail`."""
    tail: list[str]
    preload: str = ""

    def run(self, pairs: int, before: list[str]) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": "0", "LD_PRELOAD": self.preload}
        command = [*before, *self.command, str(pairs), *self.tail]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def compile_c(name: str, output: Path, *options: str) -> Path:
    compiler = os.environ.get("CC", "cc")
    # The compiler must not find out that the blocks are never used.
    flags = ["-O2", "-fno-builtin-malloc", "-fno-builtin-free"]
    subprocess.run([compiler, *flags, *options, "-o", str(output), str(SPECIMENS / name), "-ldl"], check=True)
    return output


def malloc_variants(folder: Path) -> list[Variant]:
    loop = [str(compile_c("malloc_loop.c", folder / "malloc_loop"))]
    empty = str(compile_c("empty_preload.c", folder / "empty.so", "-shared", "-fPIC"))
    ours = _engine.library_path()
    return [
        Variant("nothing", loop, []),
        Variant("empty pass-through", loop, [], empty),
        Variant("spprof, never started", loop, [], ours),
        Variant("spprof, 512 KiB", loop, [str(RATE)], ours),
    ]


PYMEM_PROGRAM = """
import ctypes, sys
library = ctypes.PyDLL(sys.argv[1])
library.loop.restype, library.loop.argtypes = ctypes.c_double, [ctypes.c_long]
{setup}
print("%.3f" % library.loop(int(sys.argv[2])))
"""


def pymem_variants(folder: Path) -> list[Variant]:
    headers = "-I" + sysconfig.get_path("include")
    library = str(compile_c("pymem_loop.c", folder / "pymem_loop.so", "-shared", "-fPIC", headers))
    setups = {
        "nothing": "",
        "empty pass-through": "library.install_empty_hooks()",
        "spprof, 512 KiB": "import spprof.memprof; spprof.memprof.start(512)",
    }
    return [
        Variant(name, [sys.executable, "-c", PYMEM_PROGRAM.format(setup=setup), library], [])
        for name, setup in setups.items()
    ]


def instructions(variant: Variant, pairs: int) -> int:
    with tempfile.NamedTemporaryFile() as out:
        variant.run(pairs, ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out.name}"])
        found = re.search(r"^(?:summary|totals): (\d+)", Path(out.name).read_text(), re.MULTILINE)
    if not found:
        raise SystemExit("callgrind reported no total")
    return int(found.group(1))


def instructions_a_pair(variant: Variant) -> float:
    return (instructions(variant, LONG) - instructions(variant, SHORT)) / (LONG - SHORT)


def nanoseconds_a_pair(variants: list[Variant]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {variant.name: [] for variant in variants}
    for _ in range(ROUNDS):
        for variant in variants:
            times[variant.name].append(float(variant.run(TIMED_PAIRS, [])))
    return times


def print_table(title: str, variants: list[Variant]) -> None:
    print(f"\n{title:<40} {'instructions':>12}   {'ns per pair, median':>17}   middle half")
    times = nanoseconds_a_pair(variants)
    for variant in variants:
        low, median, high = statistics.quantiles(times[variant.name], n=4)
        print(f"  {variant.name:<38} {instructions_a_pair(variant):>12.1f}   {median:>17.2f}   [{low:.2f}, {high:.2f}]")


def main() -> None:
    if not shutil.which("valgrind"):
        raise SystemExit("valgrind is missing: apt-get install valgrind")
    with tempfile.TemporaryDirectory() as folder:
        print_table("malloc(64) + free", malloc_variants(Path(folder)))
        print_table("PyObject_Malloc(64) + PyObject_Free", pymem_variants(Path(folder)))


if __name__ == "__main__":
    main()
