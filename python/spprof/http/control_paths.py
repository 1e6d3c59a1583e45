"""Starting and stopping the profilers by POST."""

from __future__ import annotations

from spprof import cpu, environment, joining, memprof
from spprof.http.answers import JSON, Answer, RefusalError
from spprof.json_text import encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from spprof.http.query import Query

_RATE_KB, _RATE_MAX_KB = 512, 1 << 20
_INTERVAL_MS, _INTERVAL_MAX_MS = 10.0, 1000.0
_RECORDERS: Final = "was started by spprof run or SPPROF and cannot be stopped here"


def start(query: Query) -> Answer:
    """``/start?heap=512&cpu=10``: KiB between heap samples, milliseconds between CPU samples; empty: the default."""
    rate_kb = query.whole("heap", _RATE_KB, 0, _RATE_MAX_KB)
    interval_ms = query.number("cpu", _INTERVAL_MS, 1.0, _INTERVAL_MAX_MS)
    _need_one(query, "/start?heap=512&cpu=10")
    if environment.is_off():
        raise RefusalError(409, environment.IS_OFF)
    if "heap" in query and memprof.is_active():
        raise RefusalError(409, "the heap profiler is already running")
    if "cpu" in query and cpu.is_active():
        raise RefusalError(409, "the CPU profiler is already running")
    if "heap" in query:
        _tried(lambda: memprof.start(rate_kb))
    if "cpu" in query:
        try:
            _tried(lambda: cpu.start(interval_ms))
        except BaseException:
            if "heap" in query:
                memprof.stop()
            raise
    return _state()


def stop(query: Query) -> Answer:
    """``/stop?heap&cpu``: the samples stay readable until the next start."""
    _need_one(query, "/stop?heap&cpu")
    for name, module, kind in (("heap", memprof, joining.HEAP), ("cpu", cpu, joining.CPU)):
        if name in query:
            title = "the heap profiler" if name == "heap" else "the CPU profiler"
            if not module.is_active():
                raise RefusalError(409, f"{title} is not running")
            if joining.is_joined(kind):
                raise RefusalError(409, f"{title} {_RECORDERS}")
    if "heap" in query:
        _tried(memprof.stop)
    if "cpu" in query:
        _tried(cpu.stop)
    return _state()


def _need_one(query: Query, usage: str) -> None:
    if "heap" not in query and "cpu" not in query:
        raise RefusalError(400, f"specify heap, cpu or both: {usage}")


def _tried(call: Callable[[], object]) -> None:
    """Call the API. RefusalError: it failed because of a concurrent start or stop, a shutdown or the system."""
    try:
        call()
    except (RuntimeError, RuntimeWarning, OSError, ValueError) as error:
        raise RefusalError(409, str(error)) from error


def _state() -> Answer:
    heap, cpu_stats = memprof.get_stats(), cpu.stats()
    document = {
        "heap": {
            "active": memprof.is_active(),
            "sampling_rate_bytes": heap.sampling_rate_bytes,
            "native_mode": heap.native_mode,
        },
        "cpu": {"active": cpu_stats.is_active, "interval_ms": cpu_stats.interval_ms, "mode": cpu_stats.mode},
    }
    return Answer(200, JSON, encoded(document) + b"\n")
