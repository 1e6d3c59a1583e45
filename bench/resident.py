"""The cost of a snapshot that asks the kernel which pages are resident, with one large mapping.

.venv/bin/python bench/resident.py [GIB]

There is a mapping of GIB GiB (8) in small pages. First all pages are written to, and then the same pages are returned
to the kernel. Printed: wall time of get_snapshot() in ms, median and maximum of seven, and the median of its CPU time.
"scan": the query that this kernel supports; "words": the query for kernels before Linux 6.7, which a system call filter
simulates here; "shared": like words, while a forked child shares all pages, so that sums are also requested.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import statistics
import struct
import subprocess
import sys
import time

import spprof.memprof as memprof

ROUNDS = 7
NO_HUGE_PAGES = 15
IOCTL = {"x86_64": 16, "aarch64": 29}


def refuse_ioctl() -> None:
    """Make the kernel reject the scan of pages from now on."""
    load, equal, answer, allowed, refused = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000
    number = IOCTL[platform.machine()]
    code = [(load, 0, 0, 0), (equal, 0, 1, number), (answer, 0, 0, refused | errno.ENOTTY), (answer, 0, 0, allowed)]
    packed = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in code))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)
    if libc.prctl(22, 2, struct.pack("@HP", len(code), ctypes.addressof(packed)), 0, 0) != 0:
        sys.exit("seccomp is unavailable")


def snapshots(mapped: mmap.mmap) -> str:
    """Format the median, the maximum, and the median CPU time, in ms, and how much of the mapping is resident."""
    times, spent = [], []
    for _ in range(ROUNDS):
        begin, used = time.perf_counter(), time.thread_time()
        taken = memprof.get_snapshot()
        times.append(1e3 * (time.perf_counter() - begin))
        spent.append(1e3 * (time.thread_time() - used))
    resident = next(one.resident_bytes for one in taken.mappings if one.size == len(mapped))
    numbers = statistics.median(times), max(times), statistics.median(spent)
    return "".join(f"{number:8.1f}" for number in numbers) + f"   {(resident or 0) / 2**30:.1f} GiB"


def measure(way: str, size: int) -> None:
    memprof.start()
    if way != "scan":
        refuse_ioctl()
    memprof.get_snapshot()
    mapped = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mapped, "madvise"):
        mapped.madvise(NO_HUGE_PAGES)
    ctypes.memset(ctypes.addressof(ctypes.c_char.from_buffer(mapped)), 1, size)
    ends = os.pipe()
    child = os.fork() if way == "shared" else 0
    if way == "shared" and child == 0:
        os.close(ends[1])
        os.read(ends[0], 1)
        os._exit(0)
    print(f"{way:8} {size >> 30} GiB resident  {snapshots(mapped)}", flush=True)
    os.close(ends[1])
    if child:
        os.waitpid(child, 0)
    mapped.madvise(mmap.MADV_DONTNEED)
    print(f"{way:8} {size >> 30} GiB released  {snapshots(mapped)}", flush=True)


def main() -> None:
    if len(sys.argv) == 3:
        measure(sys.argv[1], int(sys.argv[2]))
        return
    size = int(sys.argv[1] if len(sys.argv) > 1 else "8") << 30
    for way in ("scan", "words", "shared"):
        subprocess.run([sys.executable, __file__, way, str(size)], check=True)


if __name__ == "__main__":
    main()
