"""spprof: a sampling profiler of CPU time and heap for Python.

``spprof.start()`` and ``spprof.stop()`` profile CPU time; ``spprof.memprof`` is the heap profiler;
``spprof.__version__`` is the version of the engine and of this package.

ImportError: the engine that the loader found is not the one this package was built with. The message names both
versions; nothing falls back silently to less.
"""

from __future__ import annotations

from os.path import isfile as _is_file

try:
    import spprof._engine  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "spprof._engine":
        raise
    remedy = (
        "it was built for another Python; install spprof with this interpreter's own pip"
        if _is_file(__file__)
        else "Python cannot import it from an archive; install spprof beside the archive, or pack with a tool that "
        "unpacks what it runs (shiv, PyInstaller)"
    )
    raise ImportError(f"spprof has no extension module here ({__file__}): {remedy}") from error
from spprof import memprof
from spprof._engine import VERSION as __version__  # noqa: N811
from spprof.cpu import Profiler, is_active, profile, start, stats, stop
from spprof.cpu_time.profile import Profile
from spprof.results import CpuSample, CpuStack, CpuStats, CpuThread, Frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.rows import TopFunction

__all__ = [
    "CpuSample",
    "CpuStack",
    "CpuStats",
    "CpuThread",
    "Frame",
    "Profile",
    "Profiler",
    "TopFunction",
    "__version__",
    "is_active",
    "memprof",
    "profile",
    "start",
    "stats",
    "stop",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """The type of a row, which only type checkers need, imported when asked for."""
        if name != "TopFunction":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from spprof.rows import TopFunction

        return TopFunction
