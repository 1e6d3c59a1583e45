"""Map memory of known sizes, write to a known part of each mapping, and then save a snapshot.

argument: "first", the profiler starts before anything is imported; "after"
argument: the file to write; one to map
"""

import json
import sys

import spprof.memprof as memprof

ORDER, PROFILE, DATA = sys.argv[1:]
if ORDER == "first" and not memprof.is_active():
    memprof.start()

import mmap
from multiprocessing import shared_memory

if not memprof.is_active():
    memprof.start()
PAGE = mmap.PAGESIZE
SIZE = 1000 * PAGE


def touch(memory, pages):
    for page in range(pages):
        memory[page * PAGE] = 1


def private():
    memory = mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    touch(memory, 500)
    return memory


def unnamed():
    memory = mmap.mmap(-1, SIZE)
    touch(memory, 300)
    return memory


def of_file():
    with open(DATA, "w+b") as file:
        file.truncate(SIZE)
        memory = mmap.mmap(file.fileno(), SIZE)
    touch(memory, 200)
    return memory


def shared():
    memory = shared_memory.SharedMemory(create=True, size=SIZE)
    touch(memory.buf, 100)
    return memory


def untouched():
    return mmap.mmap(-1, SIZE)


def given_back():
    mmap.mmap(-1, SIZE).close()


kept = [private(), unnamed(), of_file(), shared(), untouched(), given_back()]
taken = memprof.get_snapshot()
taken.save(PROFILE)
found = [
    (
        [frame.function for frame in one.stack if frame.is_python],
        one.size // PAGE,
        one.resident_bytes // PAGE,
        one.swapped_bytes,
        one.kind,
        one.path.replace(kept[3].name.lstrip("/"), "NAME"),
        one.probability,
        one.thread_name,
        one.timestamp_ns < taken.timestamp_ns,
    )
    for one in taken.mappings
]
print(json.dumps({"page": PAGE, "found": found, "top": taken.top_mappings(3)}))
kept[3].close()
kept[3].unlink()
