"""A small service with a leak. `make demo` profiles it, on Linux with the library preloaded.

The service answers requests in four threads. It deliberately holds one large numpy array. By mistake, it also keeps a
copy of every session it has ever seen: `remember_session` is the leak. The profile must show both, with their true
sizes.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
from pathlib import Path

import numpy as np
import spprof.memprof as memprof
from spprof.text import human_bytes

THREADS = 4
REQUESTS_PER_THREAD = 40_000
PAGE, PROFILE = Path("spprof-demo.html"), Path("spprof-demo.pb.gz")

sessions_never_dropped: list[bytes] = []


def load_model() -> np.ndarray:
    """Return the memory that the service is meant to hold: 10^8 numbers of 8 bytes, 762.9 MiB."""
    return np.random.default_rng(1).standard_normal((10_000, 10_000))


def remember_session(session: bytes) -> None:
    """The leak: keep a copy of each session forever."""
    sessions_never_dropped.append(bytearray(session))


def answer_requests() -> None:
    """Allocate and free as a service does. Everything is freed except the leak."""
    session = b"s" * 1000
    for number in range(REQUESTS_PER_THREAD):
        answer = {"number": number, "body": [str(number)] * 20}
        del answer
        remember_session(session)


def serve() -> np.ndarray:
    model = load_model()
    threads = [threading.Thread(target=answer_requests) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return model


def resident_bytes() -> int:
    """Return the resident memory; on macOS its maximum, which is what the process can ask."""
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def leaked_bytes() -> int:
    """Return how many bytes the leak really holds: its blocks and the list's own array of pointers."""
    return sum(map(sys.getsizeof, sessions_never_dropped)) + sys.getsizeof(sessions_never_dropped)


def print_row(name: str, truth: int, estimate: int, low: int, high: int) -> None:
    interval = f"({human_bytes(low)} - {human_bytes(high)})"
    luck = "" if low <= truth <= high else "   outside, as 1 run in 20 is"
    print(f"  {name:<28} {human_bytes(truth):>11}   {human_bytes(estimate):>11}   {interval}{luck}")


def print_comparison(snapshot: memprof.HeapSnapshot, model: np.ndarray, resident_growth: int) -> None:
    sites = snapshot.top_allocators(10)
    print(f"\n  {'':<28} {'truth':>11}   {'estimate':>11}   95 % interval")
    for name, truth in (("load_model", model.nbytes), ("remember_session", leaked_bytes())):
        found = [site for site in sites if site["function"] == name]
        totals = [sum(site[key] for site in found) for key in ("estimated_bytes", "low_bytes", "high_bytes")]
        print_row(f"{name}()", truth, *totals)
    low, high = snapshot.heap_bytes_interval()
    print_row("whole heap", model.nbytes + leaked_bytes(), snapshot.estimated_heap_bytes, low, high)
    print(f"  {'resident memory grew by':<28} {human_bytes(resident_growth):>11}   (allocators hold spare pages)")


def print_stats() -> None:
    stats = memprof.get_stats()
    dropped = sum(stats.dropped_samples.values())
    print(
        f"samples: {stats.total_samples} taken, {stats.freed_samples} freed again, {stats.live_samples} live, ", end=""
    )
    print(f"{dropped} dropped; {stats.unique_stacks} different stacks; native allocations: {stats.native_mode}")


def main() -> None:
    before = resident_bytes()
    memprof.start()
    model = serve()
    snapshot = memprof.get_snapshot()
    resident_growth = resident_bytes() - before
    memprof.stop()

    print("Which lines hold the memory:\n")
    print(snapshot)
    print("\nIs it true?")
    print_comparison(snapshot, model, resident_growth)
    print()
    print_stats()
    snapshot.save(PAGE)
    snapshot.save(PROFILE)
    print(f"\nThe leak is remember_session(). To look around: open {PAGE} in a browser, or")
    print(f"{os.path.relpath(Path(sys.executable).parent)}/spprof tree {PROFILE}")


if __name__ == "__main__":
    main()
