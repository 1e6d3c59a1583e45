"""spprof: a sampling profiler of CPU time and heap memory for Python.

``spprof.start()`` and ``spprof.stop()`` profile CPU time; ``spprof.memprof`` is the heap profiler;
``spprof.__version__`` is the version of the engine and of this package.

Importing raises ImportError if this Python is free-threaded, if it is not the one that this package was built for, or
if the loader found an engine of another version. The message names the remedy. There is no silent fallback to a reduced
profiler.
"""

from __future__ import annotations

from os.path import isfile as _is_file

from spprof import supported  # noqa: F401  # before anything loads the extension

try:
    import spprof._engine  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "spprof._engine":
        raise
    remedy = (
        "it was built for another Python; install spprof with this interpreter's own pip"
        if _is_file(__file__)
        else "Python cannot import it from an archive; install spprof beside the archive, or package with a tool that "
        "unpacks at run time (shiv, PyInstaller)"
    )
    raise ImportError(f"spprof has no extension module here ({__file__}): {remedy}") from error

from spprof import on_demand as _on_demand
from spprof._engine import VERSION as __version__  # noqa: N811

if not _on_demand.is_command():
    _on_demand.keep_all()
    from spprof import memprof

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof import memprof
    from spprof.cpu import Profiler, is_active, profile, start, stats, stop
    from spprof.cpu_time.profile import Profile
    from spprof.http.listener import Listener, listen
    from spprof.results import CpuSample, CpuStack, CpuStats, CpuThread, Frame
    from spprof.rows import TopFunction
    from spprof.serve.triggers import Trigger, trigger

__all__ = [
    "CpuSample",
    "CpuStack",
    "CpuStats",
    "CpuThread",
    "Frame",
    "Listener",
    "Profile",
    "Profiler",
    "TopFunction",
    "Trigger",
    "__version__",
    "is_active",
    "listen",
    "memprof",
    "profile",
    "start",
    "stats",
    "stop",
    "trigger",
]

if not TYPE_CHECKING:
    _HOMES = {
        "Profile": "spprof.cpu_time.profile",
        "TopFunction": "spprof.rows",
        **dict.fromkeys(("Listener", "listen"), "spprof.http.listener"),
        **dict.fromkeys(("Trigger", "trigger"), "spprof.serve.triggers"),
        **dict.fromkeys(("Profiler", "is_active", "profile", "start", "stats", "stop"), "spprof.cpu"),
        **dict.fromkeys(("CpuSample", "CpuStack", "CpuStats", "CpuThread", "Frame"), "spprof.results"),
    }

    def __getattr__(name):
        """Return a name exported from another module, and run that module when it is first needed."""
        if name in ("cpu", "http", "memprof"):
            return _on_demand.load(f"spprof.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(_on_demand.load(_HOMES[name]), name)
        return found

    def __dir__():
        return sorted({*globals(), *__all__})
