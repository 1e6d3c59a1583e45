"""Profilers that are started inside the process, each as its documentation recommends for production."""

from __future__ import annotations

import ctypes
import os
from typing import Callable

from common.serve import FOLDER

KIB = 1024
SERVER = "BENCH_PYROSCOPE_SERVER"
CLOSED_PORT = "http://127.0.0.1:9"

kept: list[object] = []
"""Profilers that would end if no reference to them remained."""


def nothing(_: int) -> None:
    """Do nothing: the profiler runs around the process, or there is none."""


def spprof(interval_kib: int) -> None:
    import spprof.memprof

    spprof.memprof.start(sampling_rate_kb=interval_kib)


def empty_hooks(_: int) -> None:
    ctypes.PyDLL(os.environ["BENCH_EMPTY_HOOKS"]).install_empty_hooks()


def tracemalloc(frames: int) -> None:
    import tracemalloc

    tracemalloc.start(frames)


def ddtrace(interval_kib: int) -> None:
    """Start only ddtrace's memory collector. Samples go to its native exporter, which is never told to upload."""
    from ddtrace.internal.datadog.profiling import ddup
    from ddtrace.profiling.collector.memalloc import MemoryCollector

    ddup.config(service="bench", output_filename=os.path.join(os.environ[FOLDER], "ddtrace"))
    ddup.start()
    collector = MemoryCollector(heap_sample_size=interval_kib * KIB)
    collector.start()
    kept.append(collector)


def pyroscope(interval_kib: int) -> None:
    """Start only Pyroscope's heap profiler. Without a server, it would upload after the program has ended."""
    import pyroscope

    server = os.environ.get(SERVER, "")

    started = pyroscope.configure(
        application_name="bench",
        server_address=server or CLOSED_PORT,
        mem_enabled=True,
        cpu_enabled=False,
        mem_heap_sample_size=interval_kib * KIB,
        upload_interval=1 if server else 3600,
    )
    if started is False:
        raise RuntimeError("pyroscope.configure() returned False")


STARTS: dict[str, Callable[[int], None]] = {
    "nothing": nothing,
    "spprof": spprof,
    "empty_hooks": empty_hooks,
    "tracemalloc": tracemalloc,
    "ddtrace": ddtrace,
    "pyroscope": pyroscope,
}


# ---- Results


def write_nothing(_: str) -> None:
    """Do nothing: the profiler writes its results by itself."""


def spprof_found(out: str) -> None:
    import spprof.memprof

    spprof.memprof.get_snapshot().save(f"{out}.pb.gz")


def ddtrace_found(out: str) -> None:
    """Make ddtrace write its profile to a file named like the configured one, with a number appended."""
    from ddtrace.internal.datadog.profiling import ddup

    for collector in kept:
        collector.snapshot()  # type: ignore[attr-defined]
    ddup.upload()


FINISHES: dict[str, Callable[[str], None]] = {
    **dict.fromkeys(STARTS, write_nothing),
    "spprof": spprof_found,
    "ddtrace": ddtrace_found,
}
