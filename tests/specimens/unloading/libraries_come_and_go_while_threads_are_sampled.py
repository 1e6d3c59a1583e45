import ctypes
import sys
import threading

import spprof.memprof as memprof
from unloaded import Library, expect_leaf, stacks

ONE, TWO, STEADY = sys.argv[1:]
ROUNDS = 150
steady = Library(STEADY, "steady")
ending = threading.Event()

free = ctypes.CDLL(None).free
free.argtypes, free.restype = [ctypes.c_void_p], None


def allocate_all_the_time():
    kept = 0
    while not ending.is_set():
        block = steady.outer(40000)
        kept += 1
        if kept > 2000:
            free(block)


def load_and_unload():
    for round in range(ROUNDS):
        for path, name in (ONE, "one"), (TWO, "two"):
            library = Library(path, name)
            library.outer(30001 + 2 * round + (name == "two"))
            library.unload()


memprof.start(0)
threads = [threading.Thread(target=allocate_all_the_time) for _ in range(3)]
for thread in threads:
    thread.start()
load_and_unload()
ending.set()
for thread in threads:
    thread.join()
found = stacks()
for round in range(ROUNDS):
    expect_leaf(found, 30001 + 2 * round, "one")
    expect_leaf(found, 30002 + 2 * round, "two")
for stack in found[40000]:
    assert [frame.function for frame in stack[:2]] == ["steady_inner", "steady_outer"], stack
    assert next(frame.function for frame in stack if frame.is_python) == "allocate_all_the_time", stack
