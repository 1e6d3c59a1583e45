"""Half an hour of churn at 64 KB: the engine's memory does not grow, frees do not slow down, tables do not degrade.

libspprof_alloc.so with holdings.c before it; C threads and Python allocate all the time; each minute is printed
"""

import ctypes
import json
import os
import resource
import statistics
import sys
import threading
import time

import spprof.memprof as memprof
from rounds import MODE, SHORT, check, check_counters, finish, library, load_library, rounds
from spprof import _engine

EACH_SECONDS = 1 if SHORT else 60
KEPT = 20_000
"""The number of live Python blocks at any time: about 20 MB, of which about 300 are samples."""
BLOCKS = 4096


def begin_again_with_holdings() -> None:
    """Restart with the library that watches the engine's mappings, which must be preloaded before the engine."""
    path = library("holdings")
    if path not in os.environ.get("LD_PRELOAD", ""):
        os.environ["LD_PRELOAD"] = f"{path}:{os.environ['LD_PRELOAD']}"
        words = getattr(sys, "orig_argv", [sys.executable, *sys.argv])  # Python 3.9 does not have sys.orig_argv
        os.execv(sys.executable, [sys.executable, *words[1:]])


begin_again_with_holdings()
holdings = ctypes.CDLL(library("holdings"))
holdings.holdings_resident.restype = holdings.holdings_mapped.restype = ctypes.c_size_t
engine = ctypes.CDLL(_engine.library_path())
gate = ctypes.c_char.in_dll(engine, "spprof_the_gate")
libc = ctypes.CDLL(None)
loaded = load_library()
loaded.free_cost.restype = ctypes.c_double
ending = threading.Event()


def churn(seed):
    """Allocate and free Python blocks, of sizes for which Python uses pymalloc or malloc."""
    kept = [b""] * (KEPT // 2)
    word = seed
    while not ending.is_set():
        for _ in range(1000):
            word = (word * 6364136223846793005 + 1442695040888963407) % 2**64
            kept[(word >> 33) % len(kept)] = bytearray((word >> 20) % 2000)


def look():
    """Return the engine's memory, its tables, and nanoseconds per free (the best of many measurements)."""
    counters, used, stuck = ctypes.c_size_t(), ctypes.c_size_t(), ctypes.c_size_t()
    holdings.holdings_filter(ctypes.byref(gate), ctypes.byref(counters), ctypes.byref(used), ctypes.byref(stuck))
    stats = _engine.stats()
    costs = [loaded.free_cost() for _ in range(200)]
    return {
        "resident_kb": holdings.holdings_resident() // 1024,
        "mapped_kb": holdings.holdings_mapped() // 1024,
        "process_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "live": stats["live_samples"],
        "total": stats["total_samples"],
        "stacks": stats["unique_stacks"],
        "missed_frees": stats["missed_frees"],
        "dropped": sum(stats["dropped_samples"].values()),
        "filter_counters": counters.value,
        "filter_used": used.value,
        "filter_stuck": stuck.value,
        "free_ns": round(statistics.quantiles(costs, n=10)[0], 2),
    }


begin = time.monotonic()
check(holdings.holdings_begin(), "the engine is not there")
memprof.start(64, native=MODE)
loaded.load_begin(4, 1)
threads = [threading.Thread(target=churn, args=(seed,)) for seed in range(2)]
for thread in threads:
    thread.start()
seen = []
for number in rounds():
    ending.wait(EACH_SECONDS)
    seen.append(look())
    print("round", f"{number + 1}  {json.dumps(seen[-1])}", flush=True)
    check_counters()
ending.set()
for thread in threads:
    thread.join()
loaded.load_end()
first, last = seen[0], seen[-1]
later = [minute["resident_kb"] - first["resident_kb"] for minute in seen]
check(len(seen) < 3 or max(later) < 1024, f"the engine's memory grew by {max(later)} KB after the first minute")
check(last["filter_stuck"] == 0, "counters of the filter stick")
check(last["missed_frees"] == 0 and last["dropped"] == 0, f"{last}")
used = [minute["filter_used"] / minute["filter_counters"] for minute in seen]
live = [minute["live"] for minute in seen]
check(max(used) < 4 * max(live) / first["filter_counters"] + 0.01, f"the filter fills: {used}")
finish(
    minutes=round((time.monotonic() - begin) / 60, 1),
    growth_kb=max(later),
    resident_kb=f"{first['resident_kb']} to {last['resident_kb']}",
    live=f"{min(live)} to {max(live)}",
    total=last["total"],
    filter_used=f"{100 * used[0]:.2f} % to {100 * used[-1]:.2f} %",
    free_ns=f"{first['free_ns']} to {last['free_ns']}",
)
