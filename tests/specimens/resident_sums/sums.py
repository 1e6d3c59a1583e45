"""The parts of a program's memory, next to the allocators' own figures. Each program in this folder calls ``begin()``
before its imports, and ``end()`` at the point that is judged.

SUMS_MODE: "preload", "patch", or "plain" for a run without the profiler. SUMS_FILE: where the figures are written.
"""

import os

MODE, FILE = os.environ["SUMS_MODE"], os.environ["SUMS_FILE"]


def in_memory():
    """Return the RSS in bytes."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


AT_START = in_memory()
before = {}


def begin():
    """Start the profiler unless it is preloaded. What the first report creates does not count as growth."""
    before.update(_pools() if MODE == "plain" else {"pymalloc_free": _report()["pymalloc_free"]})


def end():
    """Write the current figures and those at ``begin()``."""
    now = _pools() if MODE == "plain" else _report()
    _write({"at_start": AT_START, "before": before, "now": now})


def _report():
    import spprof.memprof as memprof
    from spprof import _engine

    if not memprof.is_active():
        memprof.start(16, seed=1)
    measure, said = _engine.malloc_sums, {}

    def asked(places):
        _engine.malloc_sums = measure  # the first call is the one for the sums
        said.update(_mallinfo())
        sums = measure(places)
        said["free_absent"] = sums["free_bytes"] - sums["free_resident"]
        return sums

    _engine.malloc_sums = asked  # runs when the report calls it
    found = memprof.get_snapshot().resident
    return {
        "native_mode": memprof.get_stats().native_mode,
        "rss": found.rss_bytes,
        "parts": {part.name: part.bytes for part in found.parts},
        "unexplained": found.unexplained_bytes,
        "unclaimed": [tuple(one) for one in found.unclaimed],
        "pymalloc_free": found.part("pymalloc_free"),
        **said,
    }


def _mallinfo():
    """Return the bytes that glibc counts as free, excluding those that it caches for the next request of their size."""
    import ctypes

    class MallInfo(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in "a b c d hblkhd e fsmblks uordblks fordblks keepcost".split()]

    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = MallInfo
    info = mallinfo2()
    return {"fordblks": info.fordblks - info.fsmblks}


def _pools():
    """Return the bytes of arenas that no block uses, as Python prints them to stderr."""
    import re
    import sys
    import tempfile

    with tempfile.TemporaryFile() as file:
        saved = os.dup(2)
        os.dup2(file.fileno(), 2)
        sys._debugmallocstats()
        os.dup2(saved, 2)
        os.close(saved)
        file.seek(0)
        text = file.read().decode()
    arenas, size = re.search(r"([\d,]+) arenas \* ([\d,]+) bytes/arena", text).groups()
    used = re.search(r"# bytes in allocated blocks\s+=\s+([\d,]+)", text)[1]
    arenas, size, used = (int(number.replace(",", "")) for number in (arenas, size, used))
    return {"pymalloc_free": arenas * size - used}


def _write(numbers):
    import json

    with open(FILE, "w", encoding="utf-8") as file:
        json.dump(numbers, file)
