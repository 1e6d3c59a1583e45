"""The cost of a large heap and many live samples: estimates, memory, snapshots, and frees.

    make bench                          or      .venv/bin/python bench/live_size.py

Each heap consists of C blocks in a separate process with the library preloaded. The estimate is that of the line that
allocated the blocks; snapshots are the first and a later one. The engine's memory is the process's resident memory
before the snapshots minus that of a process that does the same unsampled. The specimen many_live.c measures a free with
10^3 and 10^6 live samples. Instructions are counted by callgrind. Nanoseconds are measured in several pairs of
processes that alternate in short slices, since each process gets different pages. On a busy machine, the ratios vary
between runs by more than a tenth.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from spprof import _engine

SPECIMENS = Path(__file__).parent / "specimens"
LIBRARY = _engine.library_path()
FEW, MANY = 1_000, 1_000_000
PAIRS_OF_PROCESSES, SLICES, ROUNDS = 3, 60, 8


class Heap(NamedTuple):
    name: str
    total_bytes: int
    block_bytes: int
    rate_kb: int


HEAPS = [
    Heap("1 GiB in 4 KiB, 1 per 512 KiB", 1 << 30, 4096, 512),
    Heap("1 GiB in 4 KiB, 1 per 100 KiB", 1 << 30, 4096, 100),
    Heap("8 GiB in 1 KiB, 1 per 7 KiB", 8 << 30, 1024, 7),
]

HEAP_PROGRAM = """
import ctypes, json, re, sys, time
import spprof.memprof as memprof
import spprof.heap.snapshot

library, total, size, rate = sys.argv[1], *map(int, sys.argv[2:])
heap = ctypes.CDLL(library)
count = total // size
blocks = (ctypes.c_void_p * count)()


def resident():
    with open("/proc/self/smaps_rollup") as rollup:
        return int(re.search(r"^Rss: +(\\d+)", rollup.read(), re.MULTILINE)[1]) * 1024


def seconds(call):
    begin = time.perf_counter()
    result = call()
    return time.perf_counter() - begin, result


before = resident()
if rate:
    memprof.start(rate, seed=1)
took, whole = seconds(lambda: heap.allocate(blocks, ctypes.c_size_t(count), ctypes.c_size_t(size)))
assert whole
answer = {"resident": resident() - before, "allocating": took}
if rate:
    memprof.stop()
    answer["first"], snapshot = seconds(memprof.get_snapshot)
    del snapshot
    answer["again"], snapshot = seconds(memprof.get_snapshot)
    top = snapshot.top_allocators(1)[0]
    answer["live"] = snapshot.live_samples
    answer["estimate"], answer["low"], answer["high"] = top["estimated_bytes"], top["low_bytes"], top["high_bytes"]
    answer["truth"] = count * size
    del snapshot
    answer["freeing"], _ = seconds(lambda: heap.release(blocks, ctypes.c_size_t(count)))
    stats = memprof.get_stats()
    answer["left"], answer["drops"] = stats.live_samples, sum(stats.dropped_samples.values())
print(json.dumps(answer))
"""


def compile_c(name: str, output: Path, *options: str) -> Path:
    compiler = shlex.split(os.environ.get("CC", "cc"))
    # The compiler must not find out that the blocks are never used.
    flags = ["-O2", "-fno-builtin-malloc", "-fno-builtin-free"]
    subprocess.run([*compiler, *flags, *options, "-o", str(output), str(SPECIMENS / name)], check=True)
    return output


def preloading() -> dict[str, str]:
    return {**os.environ, "LD_PRELOAD": LIBRARY}


# ---- Heaps


def run_heap(library: Path, heap: Heap, rate_kb: int) -> dict[str, float]:
    arguments = [str(heap.total_bytes), str(heap.block_bytes), str(rate_kb)]
    command = [sys.executable, "-c", HEAP_PROGRAM, str(library), *arguments]
    answer: dict[str, float] = json.loads(subprocess.check_output(command, env=preloading(), text=True))
    return answer


def print_heaps(library: Path) -> None:
    titles = f"{'live':>9} {'drops':>6} {'estimate':>9}  {'95 % interval, GiB':<18}"
    print(f"\n{'heap and interval':<31} {titles} {'snapshots, ms':>15} {'engine MiB':>10}")
    for heap in HEAPS:
        plain, sampled = run_heap(library, heap, 0), run_heap(library, heap, heap.rate_kb)
        interval = f"{sampled['low'] / 2**30:.4f} to {sampled['high'] / 2**30:.4f}"
        inside = "" if sampled["low"] <= sampled["truth"] <= sampled["high"] else "   the truth is outside"
        print(
            f"  {heap.name:<29} {sampled['live']:>9} {sampled['drops']:>6} {sampled['estimate'] / 2**30:>9.4f}"
            f"  {interval:<18} {1e3 * sampled['first']:>8.1f}{1e3 * sampled['again']:>7.1f}"
            f" {(sampled['resident'] - plain['resident']) / 2**20:>10.1f}{inside}"
        )


# ---- Frees


class ManyLive:
    """The specimen with this many live samples, which answers orders."""

    def __init__(self, program: Path, live: int) -> None:
        self.process = subprocess.Popen(
            [str(program), str(live)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**preloading(), "SPPROF_LIVE_SAMPLES_MAX": str(1 << 24)},
            text=True,
        )

    def slice(self, rounds: int) -> tuple[float, float]:
        """Return the nanoseconds of (a free, a malloc and free), after a warm-up round or two."""
        for asked in (2, rounds):
            assert self.process.stdin
            assert self.process.stdout
            self.process.stdin.write(f"{asked}\n")
            self.process.stdin.flush()
            malloc, free = map(float, self.process.stdout.readline().split())
        return free, malloc + free

    def end(self) -> None:
        self.process.communicate()


def instructions_of_a_free(program: Path, live: int) -> float:
    rounds, blocks = 10, 4096
    with tempfile.NamedTemporaryFile() as out:
        tool = ["valgrind", "-q", "--tool=callgrind", "--toggle-collect=free_blocks"]
        command = [*tool, f"--callgrind-out-file={out.name}", str(program), str(live)]
        subprocess.run(command, input=f"{rounds}\n", env=preloading(), check=True, stdout=subprocess.DEVNULL, text=True)
        found = re.search(r"^(?:summary|totals): (\d+)", Path(out.name).read_text(), re.MULTILINE)
    if not found:
        raise SystemExit("callgrind reported no total")
    return int(found.group(1)) / (rounds * blocks)


def take_turns(program: Path) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {"few": [], "many": [], "free": [], "pair": []}
    for _ in range(PAIRS_OF_PROCESSES):
        few, many = ManyLive(program, FEW), ManyLive(program, MANY)
        for process in (few, many):
            process.slice(20)
        for _ in range(SLICES):
            beside_few, beside_many = few.slice(ROUNDS), many.slice(ROUNDS)
            times["few"].append(beside_few[0])
            times["many"].append(beside_many[0])
            times["free"].append(beside_many[0] / beside_few[0])
            times["pair"].append(beside_many[1] / beside_few[1])
        few.end()
        many.end()
    return times


def quarters(values: list[float]) -> str:
    low, median, high = statistics.quantiles(values, n=4)
    return f"{median:>17.2f}   [{low:.2f}, {high:.2f}]"


def print_frees(program: Path) -> None:
    times = take_turns(program)
    few, many = instructions_of_a_free(program, FEW), instructions_of_a_free(program, MANY)
    print(f"\n{'free':<34} {'instructions':>12}   {'ns, median':>17}   middle half")
    print(f"  {f'with {FEW} live samples':<32} {few:>12.1f}   {quarters(times['few'])}")
    print(f"  {f'with {MANY} live samples':<32} {many:>12.1f}   {quarters(times['many'])}")
    print(f"  {'ratio, slice by slice':<32} {many / few:>12.2f}   {quarters(times['free'])}")
    print(f"  {'ratio of malloc and free':<32} {'':>12}   {quarters(times['pair'])}")


def main() -> None:
    if not shutil.which("valgrind"):
        raise SystemExit("valgrind is missing: apt-get install valgrind")
    with tempfile.TemporaryDirectory() as folder:
        print_heaps(compile_c("big_heap.c", Path(folder) / "big_heap.so", "-shared", "-fPIC"))
        print_frees(compile_c("many_live.c", Path(folder) / "many_live"))


if __name__ == "__main__":
    main()
