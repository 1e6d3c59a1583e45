"""Lets a program hold blocks and free half of them, under every malloc and PYTHONMALLOC, and tabulates how the
breakdown of its memory reports them.

python tests/nightly/sweep_allocators.py [MALLOC...]     default: all mallocs; if some are named, no table

The table, tests/nightly/ALLOCATORS.md, has rows for every Python that has run this; the current one replaces its own
rows. The exit status is 1 if a number is more than 5 % off.
"""

from __future__ import annotations

import datetime
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("helpers", "python")]
from specimens import specimen  # noqa: E402
from test_counted_once import foreign_libraries  # noqa: E402

TABLE = ROOT / "tests" / "nightly" / "ALLOCATORS.md"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

HEAD = """# The parts of memory under every allocator

`make allocators` writes the rows of one Python. A program holds 100 MB of blocks, of 200 and of 1000 bytes, then frees
every second one. The profiler is preloaded by `spprof run`, or started by the program itself. Each cell has the
smallest and the largest value of these four runs.

- *Unexplained*: the share of the growth of RSS that no part explains, at both moments.
- *In use*: python_objects, native_blocks and rounding, relative to the memory that the program holds by
  `sys.getsizeof`. Allocators round up, and Python's debug hooks add 24 bytes to each block.
- *Freed*: the growth of pymalloc_free or malloc_free, relative to the memory that was in use. mimalloc does not report
  how much of its memory is free: all of it is *in use*.

"""
COLUMNS = ("Python", "malloc", "PYTHONMALLOC", "unexplained", "in use", "freed", "runs", "faults")
SIZES = (200, 1000)
POOLS = ("pymalloc", "debug", "pymalloc_debug")
ROUNDED_MOST = 1.4
"""jemalloc rounds blocks of 1008 bytes up to 1280."""


def python_mallocs() -> list[str]:
    found = ["pymalloc", "malloc", "debug", "pymalloc_debug", "malloc_debug"]
    return found + (["mimalloc", "mimalloc_debug"] if sys.version_info >= (3, 13) else [])


def grown(library: str, python_malloc: str, size: int, is_preloaded: bool) -> tuple[dict[str, int], dict[str, int]]:
    environment = {**os.environ, "PYTHONMALLOC": python_malloc, "LD_PRELOAD": library}
    with tempfile.TemporaryDirectory() as folder:
        run = ["-m", "spprof", "run", "--rate-kb", "16", "-o", f"{folder}/x.pb.gz"] if is_preloaded else []
        words = [str(specimen("memory_sums/grown")), str(size), str(100_000_000 // size), "profiled"]
        ended = subprocess.run(
            [sys.executable, *run, *words],
            env=environment,
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
    whole, half = json.loads(ended.stdout.splitlines()[0])
    return whole, half


def judge(python_malloc: str, size: int, whole: dict[str, int], half: dict[str, int]) -> tuple[float, ...]:
    """Return four shares: unexplained with all blocks and with half of them, in use, and freed."""
    in_pools = python_malloc in POOLS and size < 512
    free = "pymalloc_free" if in_pools else "malloc_free"
    used = sum(whole.get(name, 0) for name in ("python_objects", "native_blocks", "rounding"))
    freed = half.get(free, 0) - whole.get(free, 0)
    return whole["rest"] / whole["rss"], half["rest"] / half["rss"], used / whole["asked"], freed / used


def tells_free(malloc: str, python_malloc: str, size: int) -> bool:
    if python_malloc.startswith("mimalloc"):
        return False
    return malloc != "mimalloc" or (python_malloc in POOLS and size < 512)


def row(malloc: str, library: str, python_malloc: str) -> tuple[list[str], list[str]]:
    unexplained, used, freed, wrong = [], [], [], []
    for size, is_preloaded in itertools.product(SIZES, (False, True)):
        at = f"{VERSION}, {malloc}, {python_malloc}, {size}, {'preload' if is_preloaded else 'patch'}"
        try:
            whole, half = grown(library, python_malloc, size, is_preloaded)
        except subprocess.CalledProcessError as error:
            wrong.append(f"{at}: ended with {error.returncode}: {error.stderr[-300:]}")
            continue
        first, second, of_asked, of_used = judge(python_malloc, size, whole, half)
        unexplained += [first, second]
        used.append(of_asked)
        if max(abs(first), abs(second)) > 0.05:
            wrong.append(f"{at}: unexplained {first:.1%}, {second:.1%}")
        if not 0.95 <= of_asked <= ROUNDED_MOST:
            wrong.append(f"{at}: in use {of_asked:.1%}")
        if tells_free(malloc, python_malloc, size):
            freed.append(of_used)
            if not 0.43 <= of_used <= 0.57:
                wrong.append(f"{at}: freed {of_used:.1%}")
    cells = [between(unexplained), between(used), between(freed), str(len(unexplained) // 2), str(len(wrong))]
    return [VERSION, malloc, python_malloc, *cells], wrong


def between(shares: list[float]) -> str:
    return f"{min(shares):.1%} … {max(shares):.1%}" if shares else ""


def rows_of_others() -> list[str]:
    if not TABLE.exists():
        return []
    lines = TABLE.read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line.startswith("| 3.") and not line.startswith(f"| {VERSION},")]


def main() -> None:
    libraries = {"glibc": "", **foreign_libraries()}
    chosen = sys.argv[1:] or list(libraries)
    cases = [(malloc, libraries[malloc], python) for malloc, python in itertools.product(chosen, python_mallocs())]
    results = [row(*case) for case in cases]
    wrong = [fault for _, faults in results for fault in faults]
    when = datetime.date.today().isoformat()
    rows = [f"| {VERSION}, {when} | {' | '.join(cells[1:])} |" for cells, _ in results]
    print("\n".join([*rows, *wrong]))
    if not sys.argv[1:]:
        every = sorted([*rows_of_others(), *rows], key=lambda line: int(line[2:].split(",")[0].split(".")[1]))
        lines = [f"| {' | '.join(COLUMNS)} |", "|---|---|---|---:|---:|---:|---:|---:|"]
        TABLE.write_text(HEAD + "\n".join([*lines, *every]) + "\n", encoding="utf-8")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
