"""For ``spprof run``: a program that maps memory and does not use the profiler."""

import mmap
import sys

PAGE = mmap.PAGESIZE


def journal(path):
    with open(path, "w+b") as file:
        file.truncate(1000 * PAGE)
        return mmap.mmap(file.fileno(), 1000 * PAGE)


def cache():
    return mmap.mmap(-1, 2000 * PAGE)


kept = [journal(sys.argv[1]), cache()]
for memory in kept:
    for page in range(800):
        memory[page * PAGE] = 1
