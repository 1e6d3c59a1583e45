"""How long a report of the resident memory delays other threads: eight C threads allocate, map and touch memory.

.venv/bin/python bench/stalls.py [GIB [MALLOC...]]

GIB GiB (0) of blocks of 1000 bytes are held, after one in five of them has been freed again. Slices of half a second
alternate: the main thread either makes reports (``snapshot.resident``), one after another, or only computes. The
threads record the longest time that one of their calls slept, excluding its own CPU time and waiting for a core. The
rest is waiting for a lock: of the kernel's list of mappings, of malloc, or of the loader. Printed for each kind of
call: the median of the slices' longest sleeps, the longest of all, and how many were longer than 10 ms, with reports
and without.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import spprof.memprof as memprof

ROOT = Path(__file__).parents[1]
SPECIMEN = Path(__file__).parent / "specimens" / "stall_threads.c"
SLICES, SLICE_SECONDS = 10, 0.5
THREADS = 8
KINDS = {
    "malloc, free": range(4),
    "malloc of 1 MiB": [4],
    "mmap, touch, munmap": [5],
    "mprotect": [6],
    "page faults": [7],
}
FILES = {"jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4", "mimalloc": "libmimalloc.so.2"}

Counts = list[list[int]]


def allocators() -> dict[str, str]:
    folders = [*ROOT.glob("build/deps/allocators/usr/lib/*"), *Path("/usr/lib").glob("*-linux-gnu")]
    found = {name: [str(one / file) for one in folders if (one / file).exists()] for name, file in FILES.items()}
    return {"glibc": "", **{name: paths[0] for name, paths in found.items() if paths}}


def reports() -> tuple[int, float, float]:
    """Return the number of reports, the duration of the longest, and the mean CPU time of one, in ms."""
    count, longest, end, used = 0, 0.0, time.monotonic() + SLICE_SECONDS, time.thread_time()
    while time.monotonic() < end:
        begin = time.perf_counter()
        assert memprof.get_snapshot().resident
        longest = max(longest, time.perf_counter() - begin)
        count += 1
    return count, 1e3 * longest, 1e3 * (time.thread_time() - used) / count


def computing() -> None:
    end = time.monotonic() + SLICE_SECONDS
    while time.monotonic() < end:
        sum(range(1000))


def measure(name: str, gib: float, library: ctypes.CDLL) -> None:
    memprof.start(512, seed=1)
    if gib and library.fill(ctypes.c_size_t(int(gib * 2**30)), ctypes.c_size_t(1000), ctypes.c_size_t(5)) != 0:
        sys.exit("there is not enough memory")
    room = ((ctypes.c_uint64 * 4) * THREADS)()
    library.begin_threads()
    slices: dict[bool, list[Counts]] = {False: [], True: []}
    made = []
    reports()
    for _ in range(SLICES):
        for reporting in (False, True):
            library.take(room)
            if reporting:
                made.append(reports())
            else:
                computing()
            library.take(room)
            slices[reporting].append([list(one) for one in room])
    library.end_threads()
    mean = statistics.fmean(cpu for _, _, cpu in made)
    print(
        f"{name}, {gib:g} GiB: {sum(count for count, _, _ in made)} reports, {mean:.1f} ms of CPU each, "
        f"the longest {max(longest for _, longest, _ in made):.0f} ms"
    )
    for kind, indices in KINDS.items():
        text = "".join(row(slices[reporting], indices) for reporting in (True, False))
        print(f"    {kind:20}{text}", flush=True)


def row(slices: list[Counts], indices: range | list[int]) -> str:
    longest = [max(one[index][0] for index in indices) / 1e6 for one in slices]
    above = sum(one[index][3] for one in slices for index in indices)
    return f"{statistics.median(longest):9.2f}{max(longest):9.2f}{above:6}"


def main() -> None:
    if os.environ.get("STALLS_LIBRARY"):
        measure(sys.argv[1], float(sys.argv[2]), ctypes.CDLL(os.environ["STALLS_LIBRARY"]))
        return
    gib = sys.argv[1] if len(sys.argv) > 1 else "0"
    print(f"    {'':20}{'with reports: median, longest, >10':>24}   without, ms")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "stall_threads.so")
        compiler = shlex.split(os.environ.get("CC", "cc"))
        subprocess.run([*compiler, "-O2", "-shared", "-fPIC", "-pthread", "-o", library, SPECIMEN], check=True)
        for name, path in allocators().items():
            if len(sys.argv) < 3 or name in sys.argv[2:]:
                environment = {**os.environ, "LD_PRELOAD": path, "STALLS_LIBRARY": str(library)}
                subprocess.run([sys.executable, __file__, name, gib], env=environment, check=True)


if __name__ == "__main__":
    main()
