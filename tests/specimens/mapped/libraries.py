"""Let a library hold memory, and print its own count next to ours.

arguments: the name of a function below; "first": the profiler starts before the library is imported, or "after"
"""

import importlib
import json
import os
import re
import sys
import tempfile

import spprof.memprof as memprof

NAME, ORDER = sys.argv[1:]
NEEDS = {
    "polars": ["polars"],
    "duckdb": ["duckdb"],
    "pyarrow": ["numpy", "pandas", "pyarrow"],
    "pandas": ["numpy", "pandas", "pyarrow"],
    "mmap": ["mmap"],
    "shared_memory": ["multiprocessing.shared_memory"],
    "memmap": ["numpy"],
    "numpy": ["numpy"],
    "untouched": ["numpy"],
    "ctypes": ["ctypes"],
    "cffi": ["cffi", "cffi.cparser", "pycparser.c_generator"],
}
FOLDER = tempfile.TemporaryDirectory()
kept = []


def polars():
    import polars as pl

    frame = pl.select(pl.int_range(0, 10_000_000).alias("a")).with_columns(
        (pl.col("a") * 1.5).alias("b"), (pl.col("a") + 7).alias("c")
    )
    kept.append(frame)
    return frame.estimated_size()


def duckdb():
    import duckdb

    connection = duckdb.connect(":memory:")
    connection.execute("create table t as select range as i, hash(range)::varchar as s from range(5000000)")
    kept.append(connection)
    return connection.execute("select sum(memory_usage_bytes) from duckdb_memory()").fetchone()[0]


def pyarrow():
    import numpy as np
    import pyarrow as pa

    before = pa.total_allocated_bytes()
    half = pa.array(np.arange(20_000_000))
    kept.append(pa.concat_arrays([half, half]))
    return pa.total_allocated_bytes() - before


def pandas():
    import pandas as pd
    import pyarrow as pa

    before = pa.total_allocated_bytes()
    kept.append(pd.Series([f"a string of some length, number {i}" for i in range(4_000_000)], dtype="str"))
    pa.default_memory_pool().release_unused()
    return pa.total_allocated_bytes() - before


def written(memory, size):
    for offset in range(0, size, 4096):
        memory[offset] = 1


def mmap():
    import mmap

    kept.append(mmap.mmap(-1, 230_000_000))
    written(kept[-1], 230_000_000)
    return 230_000_000


def shared_memory():
    from multiprocessing import shared_memory

    kept.append(shared_memory.SharedMemory(create=True, size=240_000_000))
    written(kept[-1].buf, 240_000_000)
    return 240_000_000


def memmap():
    import numpy as np

    kept.append(np.memmap(os.path.join(FOLDER.name, "data"), np.float64, "w+", shape=(31_250_000,)))
    kept[-1][:] = 1
    return 250_000_000


def numpy():
    import numpy as np

    kept.append(np.ones(30_000_000))
    return 240_000_000


def untouched():
    import numpy as np

    kept.append(np.zeros(125_000_000))
    kept[-1][:31_250_000] = 1
    return 250_000_000


def ctypes():
    import ctypes

    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    for _ in range(1000):
        kept.append(libc.malloc(120_000))
        libc.memset(kept[-1], 1, 120_000)
    return 120_000_000


def cffi():
    import cffi

    ffi = cffi.FFI()
    ffi.cdef("void *malloc(size_t size); void *memset(void *block, int byte, size_t size);")
    libc = ffi.dlopen(None)
    for _ in range(1000):
        kept.append(libc.malloc(120_000))
        libc.memset(kept[-1], 1, 120_000)
    return 120_000_000


def rss():
    with open("/proc/self/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) * 1024


class Held:
    """Return the resident memory in a snapshot: all, on lines of this program's function, and on no Python line."""

    def __init__(self):
        taken = memprof.get_snapshot()
        self.total = taken.estimated_heap_bytes - taken.absent_bytes
        self.here = self.elsewhere = 0
        self.names = {}
        for sample in taken.samples:
            share = 1 if sample.resident_bytes is None else sample.resident_bytes / sample.size
            self._add(sample.stack, sample.estimated_bytes * share)
        for mapping in taken.mappings:
            held = round((mapping.resident_bytes or 0) / mapping.probability)
            self.total += held
            self._add(mapping.stack, held)

    def _add(self, stack, held):
        if any(frame.is_python and frame.function == NAME and frame.file == __file__ for frame in stack):
            self.here += held
        elif not any(frame.is_python for frame in stack):
            self.elsewhere += held
            self.names[stack[0].function] = self.names.get(stack[0].function, 0) + held


if ORDER == "first" and not memprof.is_active():
    memprof.start(16, seed=1)
for name in NEEDS[NAME]:
    importlib.import_module(name)
if not memprof.is_active():
    memprof.start(16, seed=1)

before, rss_before = Held(), rss()
counted, rss_after = globals()[NAME](), rss()
after = Held()
gained = {name: held - before.names.get(name, 0) for name, held in after.names.items()}
print(
    json.dumps(
        {
            "mode": memprof.get_stats().native_mode,
            "counted": counted,
            "resident": round(after.total - before.total),
            "rss": rss_after - rss_before,
            "on_line": round(after.here - before.here),
            "without_python": round(after.elsewhere - before.elsewhere),
            "where": max(gained, key=gained.get, default=""),
        }
    )
)
for one in kept:
    if NAME == "shared_memory":
        one.close()
        one.unlink()
